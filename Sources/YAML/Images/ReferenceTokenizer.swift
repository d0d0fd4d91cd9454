// SPDX-License-Identifier: Apache-2.0

/// The words of a text that may be image references: runs of the characters that references have.
enum ReferenceTokenizer {
    static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            // `-./0123456789:`
            UInt8(ascii: "-")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "@"),
            // No name has a plus; what is beside one is a piece of something else.
            UInt8(ascii: "+"):
            true
        default: false
        }
    }

    /// A word, and what the text before it says of it.
    struct Word {
        let range: Range<Int>
        /// Whether a key, a flag or a variable that ends in `image` is set to it.
        let isOfImage: Bool
        /// Whether a `#` comes before it in its line.
        let isComment: Bool
    }

    /// All words with a colon, a slash or an at sign inside, or of an image; what ends a sentence or a line of YAML is
    /// taken off.
    static func all(in bytes: ArraySlice<UInt8>) -> [Word] {
        var found: [Word] = []
        var at = bytes.startIndex
        var line = at
        while let start = bytes[at...].firstIndex(where: isPart) {
            if let last = bytes[at..<start].lastIndex(of: 0x0A) { line = last + 1 }
            var end = bytes[start...].firstIndex { !isPart($0) } ?? bytes.endIndex
            at = end
            while end > start, ":.-_/@".utf8.contains(bytes[end - 1]) { end -= 1 }
            let start = nameStart(in: bytes[start..<end])
            let isName = bytes[start..<end].contains { byte in
                byte == UInt8(ascii: ":") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "@")
            }
            let isOfImage = end > start && follows(bytes, line: line, start: start)
            guard isOfImage || isName else { continue }
            let isComment = bytes[line..<start].contains(UInt8(ascii: "#"))
            found.append(Word(range: start..<end, isOfImage: isOfImage, isComment: isComment))
        }
        return found
    }

    /// Where a name begins in a word: after the scheme of an address, or after `:-` of a shell's default.
    private static func nameStart(in word: ArraySlice<UInt8>) -> Int {
        for scheme in ["docker://", "oci://", "docker-pullable://"] where word.starts(with: scheme.utf8) {
            return word.startIndex + scheme.utf8.count
        }
        let mark = word.indices.dropLast().last {
            word[$0] == UInt8(ascii: ":") && word[$0 + 1] == UInt8(ascii: "-")
        }
        return mark.map { $0 + 2 } ?? word.startIndex
    }

    /// Whether `image:`, `image=` or `"image":` comes before the word in its line.
    private static func follows(_ bytes: ArraySlice<UInt8>, line: Int, start: Int) -> Bool {
        var before = bytes[line..<start]
        func drop(_ marks: String) {
            while let last = before.last, marks.utf8.contains(last) { before.removeLast() }
        }
        drop(" \"'\t\\")
        let end = before.endIndex
        // `:`, `=`, and `:=`, `?=`, `:-` of shells and makefiles.
        drop(":=?-")
        guard before.endIndex < end, bytes[before.endIndex..<end].contains(where: { ":=".utf8.contains($0) })
        else {
            return false
        }
        drop(" \"'\t\\")
        return before.suffix(5).elementsEqual("image".utf8) || before.suffix(5).elementsEqual("Image".utf8)
            || before.suffix(5).elementsEqual("IMAGE".utf8)
    }
}
