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

/// The packages of a database, within the bounds of the layer that has it.
struct PackageList {
    private(set) var packages: [InstalledPackage] = []
    /// The database, for errors.
    let path: String
    private let bound: LayerBound

    /// - Parameters:
    ///   - path: the database, for errors.
    ///   - bound: what the layer's databases may have in all.
    init(_ path: String, within bound: LayerBound) {
        self.path = path
        self.bound = bound
    }

    /// Adds one.
    /// - Throws: a ``Failure`` of kind `data` where the databases of the layer have too many, or too much text.
    mutating func append(_ package: InstalledPackage) throws(Failure) {
        let texts = [
            package.name, package.version, package.architecture, package.license, package.source,
        ]
        try bound.take(packages: 1, text: texts.reduce(0) { $0 + $1.utf8.count }, path: path)
        packages.append(package)
    }
}

/// What all databases of a layer may have: they stay in memory until the document is written.
final class LayerBound {
    private(set) var packages = 0
    private(set) var text = 0

    /// Counts what is kept.
    /// - Throws: a ``Failure`` of kind `data` beyond ``DatabaseBound/packages`` or ``DatabaseBound/text``.
    func take(packages count: Int = 0, text size: Int, path: String) throws(Failure) {
        packages += count
        text += size
        guard packages <= DatabaseBound.packages else {
            throw .database(path, "the layer has more than \(DatabaseBound.packages) packages")
        }
        guard text <= DatabaseBound.text else {
            throw .database(path, "the layer has more than \(DatabaseBound.text) bytes of names of packages")
        }
    }
}

/// Bounds of what is read of databases.
package enum DatabaseBound {
    /// Packages of one layer; Debian's whole archive has 70,000.
    static let packages = 200_000
    /// Bytes of text that is kept of one layer's databases.
    static let text = 64 << 20
    /// Bytes of text that is kept of all layers.
    package static let texts = 512 << 20
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
