// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import YAML

extension Spec {
    /// Whether the spec says of a text that it names no image: by a pattern of the text or of the image's name.
    package func isNoImage(_ text: String) -> Bool {
        guard let patterns = notImages else { return false }
        if NotImages.contain(text, patterns: patterns) { return true }
        guard let reference = try? Reference(text) else { return false }
        return patterns.contains { ImagePattern($0).matches(reference) }
    }
}
