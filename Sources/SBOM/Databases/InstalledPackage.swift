// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A package that a package manager's database says is installed. Texts have passed the gate for text from outside.
struct InstalledPackage: Sendable, Hashable {
    /// Its name.
    var name: String
    /// Its whole version, with epoch and release.
    var version: String
    /// The architecture, as the database spells it; empty where it says none.
    var architecture: String
    /// The license, as the database spells it, which need not be an SPDX expression; empty where it says none.
    var license = ""
    /// The source package that it was built from; empty where it is the package itself or unknown.
    var source = ""
}

/// Who keeps a database of packages.
enum PackageManager: String, Sendable {
    case dpkg, apk, rpm

    /// The type of package URLs of its packages.
    var urlType: String { self == .dpkg ? "deb" : rawValue }
}

/// Bounds of what is read of one database.
enum DatabaseBound {
    /// Packages of one database; Debian's whole archive has 70,000.
    static let packages = 200_000
    /// Bytes of one line that are looked at; what follows them is passed over.
    static let line = 1 << 16
    /// Bytes of one rpm header.
    static let header = 16 << 20
    /// Bytes of one rpm database.
    static let file: Int64 = 2 << 30
}

extension Failure {
    /// A database that cannot be read; it becomes a comment of the SBOM.
    static func database(_ path: String, _ reason: String) -> Failure {
        Failure(
            .data, "read the package database", path, because: reason,
            remedy: "look into the image with its own package manager")
    }
}
