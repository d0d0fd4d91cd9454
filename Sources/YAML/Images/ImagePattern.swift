// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A pattern of image names, as `imageList: [calico/*, tigera/*]` has them.
///
/// `*` matches any run of characters. A pattern without a domain means images of every domain
/// (`tigera/*` also `quay.io/tigera/operator`); one without a tag means every tag; `library/` may be left out.
package struct ImagePattern: Sendable, Hashable, CustomStringConvertible {
    /// The pattern as it is written.
    package let description: String
    private let name: [UInt8]
    private let tag: [UInt8]?

    /// Creates a pattern; any text is one.
    package init(_ text: String) {
        description = text
        let afterSlash = text.lastIndex(of: "/").map { text.index(after: $0) } ?? text.startIndex
        let colon = text[afterSlash...].firstIndex(of: ":")
        name = Array(text[..<(colon ?? text.endIndex)].utf8)
        tag = colon.map { Array(text[text.index(after: $0)...].utf8) }
    }

    /// Whether the image is meant.
    package func matches(_ reference: Reference) -> Bool {
        let repository = reference.repository
        var names = [repository, reference.domain + "/" + repository]
        if repository.hasPrefix("library/") { names.append(String(repository.dropFirst(8))) }
        guard names.contains(where: { Self.match(name[...], text: Array($0.utf8)[...]) }) else {
            return false
        }
        return tag.map { Self.match($0[...], text: Array((reference.tag ?? "").utf8)[...]) } ?? true
    }

    /// The images that any of `patterns` means, in the order of `images`.
    package static func select(_ images: [Reference], matching patterns: [String]) -> [Reference] {
        let patterns = patterns.map(ImagePattern.init)
        return images.filter { image in patterns.contains { $0.matches(image) } }
    }

    /// The text of an imageList: one image a line, rewritten to `registry`, without digests, which sealer does not read.
    package static func imageList(_ images: [Reference], in registry: String) -> String {
        images.map { image in
            let tag = image.tag ?? "latest"
            return "\(registry)/\(image.repository):\(tag)\n"
        }.joined()
    }

    /// Matches greedily and goes back to the last star alone, so that the time stays linear in the product.
    static func match(_ pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>) -> Bool {
        var (at, to) = (pattern.startIndex, text.startIndex)
        var star: (pattern: Int, text: Int)?
        while to < text.endIndex {
            if at < pattern.endIndex, pattern[at] == UInt8(ascii: "*") {
                star = (at, to)
                at += 1
            } else if at < pattern.endIndex, pattern[at] == text[to] {
                (at, to) = (at + 1, to + 1)
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                (at, to) = (last.pattern + 1, last.text + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
