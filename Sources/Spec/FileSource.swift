// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Spec.FileSource {
    /// Whether the content differs from platform to platform: a URL or checksum list names one, or the
    /// digests do.
    package var dependsOnPlatform: Bool {
        let named = (urls + [sums, path].compactMap(\.self)).flatMap(Placeholders.words)
        return named.contains(where: Placeholders.platform.contains) || digests.keys.contains { $0 != "*" }
    }

    /// The URLs for `platform`, in the order in which they are tried, every placeholder filled in.
    package func urls(for platform: Platform, release: String?) -> [String] {
        urls.map { Placeholders.fill($0, for: platform, release: release) }
    }

    /// The path of the collecting host's file for `platform`; `nil` for one of the web or with its own text.
    package func path(for platform: Platform, release: String?) -> String? {
        path.map { Placeholders.fill($0, for: platform, release: release) }
    }

    /// What shows that the file is the same: the first URL, `file:PATH`, or `text:DIGEST`.
    package func origin(for platform: Platform, release: String?) -> String {
        if let text { return "text:\(Digest(of: Array(text.utf8)))" }
        if let path = path(for: platform, release: release) { return "file:\(path)" }
        return urls(for: platform, release: release).first ?? ""
    }

    /// The URL of the checksum list for `platform`, every placeholder filled in; `nil` where there is none.
    package func sums(for platform: Platform, release: String?) -> String? {
        sums.map { Placeholders.fill($0, for: platform, release: release) }
    }

    /// The digest that the spec promises for `platform`; `nil` where it promises none.
    package func digest(for platform: Platform) -> Digest? { digests[platform.description] ?? digests["*"] }
}
