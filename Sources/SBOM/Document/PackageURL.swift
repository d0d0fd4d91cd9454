// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A package URL. Source: package-url/purl-spec, `PURL-SPECIFICATION.rst`.
struct PackageURL {
    private(set) var text: String

    /// `pkg:TYPE/NAMESPACE/NAME@VERSION?KEY=VALUE&…`; empty parts are left out, and keys are in their order.
    init(_ type: String, _ namespace: String, name: String, version: String, _ qualifiers: [String: String]) {
        text = "pkg:\(type)/"
        if !namespace.isEmpty { text += Self.encoded(namespace, "/") + "/" }
        text += Self.encoded(name)
        if !version.isEmpty { text += "@" + Self.encoded(version) }
        let present = qualifiers.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
        if present.isEmpty { return }
        text += "?" + present.map { "\($0)=\(Self.encoded($1, "/:"))" }.joined(separator: "&")
    }

    /// Of a package that is installed in an image.
    init(_ package: InstalledPackage, of manager: PackageManager, in release: OSRelease) {
        var version = package.version
        var qualifiers = ["arch": package.architecture, "upstream": package.source]
        if !release.id.isEmpty {
            qualifiers["distro"] = release.id + (release.version.isEmpty ? "" : "-\(release.version)")
        }
        if manager == .rpm, let colon = version.firstIndex(of: ":") {
            qualifiers["epoch"] = String(version[..<colon])
            version = String(version[version.index(after: colon)...])
        }
        let usual = [PackageManager.dpkg: "debian", .apk: "alpine"][manager] ?? ""
        self.init(
            manager.urlType, release.id.isEmpty ? usual : release.id, name: package.name, version: version,
            qualifiers)
    }

    /// Of an image in a registry.
    init(image reference: Reference, digest: Digest) {
        let name = reference.repository.split(separator: "/").last.map(String.init) ?? ""
        self.init(
            "oci", "", name: name.lowercased(), version: "\(digest)",
            [
                "repository_url": "\(reference.domain)/\(reference.repository)", "tag": reference.tag ?? "",
            ])
    }

    private static func encoded(_ text: String, _ more: String = "") -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~".utf8).union(
            more.utf8)
        return text.utf8.map { byte in
            plain.contains(byte)
                ? String(UnicodeScalar(byte))
                : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
