// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// A chart at hand: its files, and where Helm finds it.
struct ChartContent: Sendable {
    /// The archive or the folder on this host.
    let path: String
    /// The digest by which it is known.
    let digest: Digest
    private let form: Form

    private enum Form: Sendable {
        case archive([UInt8])
        case folder([(path: String, bytes: [UInt8])])
    }

    /// The largest chart that is read, in bytes: 64 MiB.
    static let largest = 64 << 20
    private static let mostFiles = 20_000

    /// A packed chart of a registry, put into the folder `scratch` for Helm. Blocking.
    init(packed bytes: [UInt8], digest: Digest, called name: String, in scratch: String) throws(Failure) {
        path = "\(scratch)/\(name)"
        self.digest = digest
        form = .archive(bytes)
        try AtomicWrite.write(bytes, to: path)
    }

    /// The chart at `path` on this host, an archive or a folder. Blocking.
    /// - Throws: a ``Failure`` of kind `input` where nothing is there, `data` where it is too large, or has links that
    ///   point to folders or out of it.
    init(at path: String) throws(Failure) {
        self.path = path
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
            let bytes = try File.open(path).bytes(limit: Self.largest)
            digest = Digest(of: bytes)
            form = .archive(bytes)
            return
        }
        let files = try Self.files(of: path)
        digest = Self.digest(of: files)
        form = .folder(files)
    }

    /// What the chart says of its images, read without Helm.
    func read(values: [[UInt8]]) throws(Failure) -> ChartReading {
        let name = String(path.split(separator: "/").last { $0 != "." } ?? "chart")
        return switch form {
        case .archive(let bytes): try ChartReading(packed: bytes, path: name, values: values)
        case .folder(let files):
            try ChartReading(
                files: files.map { ("\(name)/\($0.path)", $0.bytes) }, path: name, values: values)
        }
    }

    /// All files of a folder with their paths in it, in the order of these; what is hidden at its top is left out.
    private static func files(of folder: String) throws(Failure) -> [(path: String, bytes: [UInt8])] {
        let names: [String]
        do { names = try FileManager.default.subpathsOfDirectory(atPath: folder) } catch {
            throw Failure(
                .denied, "read the chart", folder, because: "it cannot be listed",
                remedy: "check its owner and mode")
        }
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the chart", folder, because: reason, remedy: "pack it: helm package \(folder)")
        }
        var (files, size): ([(path: String, bytes: [UInt8])], Int) = ([], 0)
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if name.hasPrefix(".") && name != ".helmignore" { continue }
            let path = "\(folder)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0 else { throw Failure.system("examine", artifact: path) }
            if status.st_mode & S_IFMT == S_IFDIR { continue }
            if status.st_mode & S_IFMT == S_IFLNK {
                guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                    throw refuse("\(name) is a link that points to no file")
                }
            }
            guard files.count < mostFiles else { throw refuse("it has more than \(mostFiles) files") }
            let bytes = try File.open(path).bytes(limit: largest - size)
            size += bytes.count
            files.append((name, bytes))
        }
        return files
    }

    /// The digest of a folder: of each file's name, length and content, in the order of the names.
    private static func digest(of files: [(path: String, bytes: [UInt8])]) -> Digest {
        var hash = SHA256()
        for (path, bytes) in files {
            hash.update(part: Array(path.utf8))
            hash.update(part: bytes)
        }
        return hash.digest()
    }
}

extension SHA256 {
    /// Takes one part of several, with its length before it.
    mutating func update(part bytes: [UInt8]) {
        Array("\(bytes.count):".utf8).withUnsafeBytes { update($0) }
        bytes.withUnsafeBytes { update($0) }
    }
}
