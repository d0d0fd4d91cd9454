// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Spec.FileSource {
    /// What may stand in braces in a URL.
    static let knownPlaceholders = ["machine", "arch", "os", "release"]

    /// The words in braces of `text`, in order.
    static func placeholders(in text: String) -> [String] {
        text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().map {
            String($0.prefix { $0 != "}" })
        }
    }

    /// Whether the content differs from platform to platform: a URL or checksum list names one, or the
    /// digests do.
    package var dependsOnPlatform: Bool {
        let named = (urls + [sha256sums].compactMap(\.self)).flatMap(Self.placeholders)
        return named.contains { $0 != "release" } || sha256.keys.contains { $0 != "*" }
    }

    /// The URLs for `platform`, in the order in which they are tried, every placeholder filled in: `{machine}`
    /// x86_64, `{arch}` amd64, `{os}` linux, `{release}` the spec's release.
    package func urls(for platform: Platform, release: String?) -> [String] {
        urls.map { Self.fill($0, platform, release) }
    }

    /// The URL of the checksum list for `platform`, every placeholder filled in; `nil` where there is none.
    package func sha256sums(for platform: Platform, release: String?) -> String? {
        sha256sums.map { Self.fill($0, platform, release) }
    }

    /// The digest that the spec promises for `platform`; `nil` where it promises none.
    package func sha256(for platform: Platform) -> Digest? { sha256[platform.description] ?? sha256["*"] }

    private static func fill(_ text: String, _ platform: Platform, _ release: String?) -> String {
        let values = [
            "machine": platform.machine, "arch": platform.architecture, "os": platform.os,
            "release": release ?? "",
        ]
        var parts = text.split(separator: "{", omittingEmptySubsequences: false)
        var out = String(parts.removeFirst())
        for part in parts {
            let word = part.prefix { $0 != "}" }
            guard let value = values[String(word)], word.count < part.count else {
                out += "{" + part
                continue
            }
            out += value + part.dropFirst(word.count + 1)
        }
        return out
    }
}
