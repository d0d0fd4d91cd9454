// SPDX-License-Identifier: Apache-2.0

/// The words of a text that may be image references: runs of the characters that references have.
enum Words {
    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "._-/:@".utf8.contains(byte)
        }
    }

    /// The ranges of all words with a colon or an at sign inside, what ends a sentence or a line of YAML
    /// taken off. After a backslash, the first character belongs to an escape.
    static func all(in bytes: ArraySlice<UInt8>, escapes: Bool) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var at = bytes.startIndex
        while let start = bytes[at...].firstIndex(where: isPart) {
            var end = bytes[start...].firstIndex { !isPart($0) } ?? bytes.endIndex
            at = end
            while end > start, ":.-_/@".utf8.contains(bytes[end - 1]) { end -= 1 }
            let escaped = escapes && start > bytes.startIndex && bytes[start - 1] == UInt8(ascii: "\\")
            let word = min(end, start + (escaped ? 1 : 0))..<end
            if bytes[word].contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "@") }) {
                found.append(word)
            }
        }
        return found
    }

    /// Where `word` stands in `text` as a whole word for the first time.
    static func first(_ word: String, in text: Substring) -> Range<Substring.Index>? {
        var rest = text
        while let found = rest.utf8.firstRange(of: word.utf8) {
            let before =
                found.lowerBound > text.startIndex
                ? text.utf8[text.utf8.index(before: found.lowerBound)] : 0x20
            let rear = text[found.upperBound...].utf8
            let ends = rear.first { !":.-_/@".utf8.contains($0) }.map { !isPart($0) } ?? true
            if !isPart(before) && (rear.first.map { !isPart($0) } ?? true || ends) { return found }
            rest = text[text.utf8.index(after: found.lowerBound)...]
        }
        return nil
    }
}
