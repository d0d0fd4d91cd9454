// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What one layer says of packages: the databases in it, and what it removes of the layers below.
package struct LayerContents: Sendable {
    /// A file that is of interest.
    enum Entry: Sendable {
        case packages(PackageManager, [InstalledPackage])
        case release(OSRelease)
        /// It is there and could not be read: why, in a sentence.
        case unreadable(String)
    }

    /// The known files, by path.
    private(set) var entries: [String: Entry] = [:]
    /// What is not there any more, and all below it.
    private(set) var removed: Set<String> = []
    /// Folders of which nothing of the layers below is there any more.
    private(set) var emptied: Set<String> = []
    /// Why its files could not be looked at, in a sentence.
    private(set) var fault: String?
    /// Bytes of text that is kept.
    private(set) var text = 0

    /// Reads a layer's tar to its end.
    ///
    /// A database that cannot be read is noted, and so is a tar that is none: what the layer is was promised by a digest, and
    /// an image may hold anything.
    /// - Parameters:
    ///   - tar: the layer, uncompressed.
    ///   - scratch: a folder for files without a name, where rpm databases are kept while they are read.
    /// - Throws: a ``Failure`` where `tar` itself fails, or where the scratch file cannot be written.
    package init(reading tar: any ByteStream, scratch: String) throws(Failure) {
        let source = Source(tar)
        do throws(Failure) {
            try read(TarReader(source, artifact: "a layer", keepsTrailer: false), scratch)
        } catch {
            if let failure = source.failure { throw failure }
            guard error.kind == .data else { throw error }
            fault = error.reason
        }
        // To its very end, where it is verified.
        var rest: any ByteStream = source
        try rest.forEachChunk { _ in }
    }

    /// Of a layer that is not read.
    package init(unread reason: String) { fault = reason }

    private mutating func read(_ reader: TarReader, _ scratch: String) throws(Failure) {
        var tar = reader
        let bound = LayerBound()
        defer { text = bound.text }
        while let entry = try tar.next() {
            guard let path = KnownPaths.path(of: entry.header.name) else { continue }
            let (folder, name) = path.split(atLast: "/")
            if name == ".wh..wh..opq" {
                if folder.isEmpty || KnownPaths.leads(folder) || KnownPaths.kind(of: "\(folder)/x") != nil {
                    emptied.insert(folder)
                }
            } else if name.hasPrefix(".wh.") {
                let gone = (folder.isEmpty ? "" : "\(folder)/") + name.dropFirst(4)
                if KnownPaths.leads(gone) { removed.insert(gone) }
            } else if let kind = KnownPaths.kind(of: path) {
                try bound.take(text: path.utf8.count, path: path)
                entries[path] = try self.entry(
                    kind, PackageList(path, within: bound), entry.header, &tar, scratch)
            } else if entry.header.kind != .directory, KnownPaths.leads(path) {
                // A link or a file in the place of a folder hides what was in it.
                removed.insert(path)
            }
        }
    }

    private func entry(
        _ kind: KnownPaths.Kind, _ list: PackageList, _ header: TarHeader, _ tar: inout TarReader,
        _ scratch: String
    ) throws(Failure) -> Entry? {
        let path = list.path
        if kind == .osRelease {
            // As a link it names the other known place.
            return header.kind == .file ? .release(try OSRelease(reading: &tar)) : nil
        }
        guard header.kind == .file else {
            return header.kind == .directory
                ? nil : .unreadable("\(path) is a link or a device, which is not followed")
        }
        do throws(Failure) {
            switch kind {
            case .dpkg: return .packages(.dpkg, try DpkgStatus.packages(of: &tar, into: list))
            case .apk: return .packages(.apk, try ApkInstalled.packages(of: &tar, into: list))
            case .journal:
                return header.size == 0 ? nil : .unreadable("\(path) holds changes, which are not read")
            case .rpm, .osRelease: return try rpm(list, header, &tar, scratch)
            }
        } catch {
            guard error.kind == .data, error.operation == Failure.database("", "").operation else {
                throw error
            }
            return .unreadable("\(path) could not be read: \(error.reason)")
        }
    }

    /// The packages of rpm's database, which is read from a scratch file as its pages are in no order.
    private func rpm(
        _ list: PackageList, _ header: TarHeader, _ tar: inout TarReader, _ scratch: String
    ) throws(Failure) -> Entry? {
        guard header.size > 0 else { return nil }
        guard header.size <= DatabaseBound.file else {
            throw .database(
                list.path, "it has \(header.size) bytes, and at most \(DatabaseBound.file) are read")
        }
        let file = try File.unnamed(in: scratch)
        var end: Int64 = 0
        try tar.forEachChunk { (bytes) throws(Failure) in
            try file.write(bytes, at: end)
            end += Int64(bytes.count)
        }
        let database = DatabaseFile(file, size: header.size, path: list.path)
        return .packages(.rpm, try RPMDatabase.packages(of: database, into: list))
    }
}

/// Passes bytes on, and remembers whether it was the source that failed.
private final class Source: ByteStream {
    private var upstream: any ByteStream
    private(set) var failure: Failure?

    init(_ upstream: any ByteStream) { self.upstream = upstream }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        do throws(Failure) { return try upstream.read(into: buffer) } catch {
            failure = error
            throw error
        }
    }
}

extension String {
    /// What is before and after the last `separator`; nothing is before where there is none.
    func split(atLast separator: Character) -> (String, String) {
        guard let place = lastIndex(of: separator) else { return ("", self) }
        return (String(self[..<place]), String(self[index(after: place)...]))
    }
}
