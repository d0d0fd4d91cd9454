// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension ImageScan {
    /// The scan without what only looks like an image.
    /// - Parameter isNone: given a text as it is written, whether it is no image.
    package func without(_ isNone: (String) -> Bool) -> ImageScan {
        var scan = self
        scan.references.removeAll { isNone($0.text) }
        // The parts of one that is dropped go too, unless another writing of the same image stays.
        let dropped = Set(references.map(\.reference)).subtracting(scan.references.map(\.reference))
        scan.unreadable.removeAll { isNone($0.text) }
        scan.fixed.removeAll { isNone($0.text) }
        scan.possible.removeAll { isNone($0.text) }
        scan.spots.removeAll { isNone($0.text) || dropped.contains($0.reference) }
        return scan
    }
}

/// Texts that name no image although they are where one is named.
package enum NotImages {
    /// Whether one of `patterns` means `text`; `*` is any run of characters, blanks and quotes do not count.
    package static func contain(_ text: String, patterns: [String]) -> Bool {
        func bare(_ text: String) -> [UInt8] { text.utf8.filter { !" \t\"'".utf8.contains($0) } }
        return patterns.contains { ImagePattern.match(bare($0)[...], text: bare(text)[...]) }
    }
}
