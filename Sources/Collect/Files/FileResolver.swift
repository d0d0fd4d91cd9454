// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Registry
internal import Spec

/// A file of the spec for one platform, resolved to digest and size.
struct ResolvedFile: Sendable {
    let locked: Lock.File
    /// All URLs that may serve it, in order.
    let urls: [String]
    /// Where its content is already: it had to be fetched to learn its digest, or it is this host's own.
    var local: String?
    /// Whether it is this host's own file, or the spec's own text.
    var isOwn = false
}

/// Leads the URLs of a spec to digest and size: from the lock, from what the spec promises, or by fetching.
struct FileResolver: Sendable {
    let client: RegistryClient
    let lock: Lock?
    let spec: Spec
    /// Where relative paths of the spec begin.
    let folder: String
    /// The folder for content that had to be fetched to learn its digest.
    let scratch: String
    let mirrors: FileMirrors
    /// Whether a file may be fetched to learn its digest.
    var fetches = true
    /// Whether what the lock does not have is taken as it is now; an own file always is.
    var takesUnlocked = true

    /// What came of resolving.
    struct Known: Sendable {
        var files: [ResolvedFile] = []
        /// Those whose digest only fetching would show, where none is fetched.
        var unknown: [(title: String, size: Int64?)] = []
        /// Those that cannot be had, by their names in the spec.
        var failures: [(name: String, failure: Failure)] = []
    }

    /// Resolves every file for every platform that its URL distinguishes, and says what of them is not known.
    func known() async throws -> Known {
        var known = Known()
        for found in try await resolved() {
            switch found {
            case .known(let file): known.files.append(file)
            case .unknown(let title, let size): known.unknown.append((title, size))
            case .failed(let name, let failure): known.failures.append((name, failure))
            }
        }
        return known
    }

    private enum Found: Sendable {
        case known(ResolvedFile)
        case unknown(title: String, size: Int64?)
        case failed(name: String, Failure)
    }

    private func resolved() async throws -> [Found] {
        var wanted: [(name: String, platform: Platform?, source: Spec.FileSource)] = []
        for (name, source) in spec.files.sorted(by: { $0.key < $1.key }) {
            let platforms: [Platform?] = source.dependsOnPlatform ? spec.platforms : [nil]
            wanted += platforms.map { (name, $0, source) }
        }
        return try await inParallel(wanted, width: 4) { wanted in
            switch try await attempted({
                try await file(wanted.name, for: wanted.platform, source: wanted.source)
            }) {
            case .success(let found): found
            case .failure(let failure): .failed(name: wanted.name, failure)
            }
        }
    }

    private func file(_ name: String, for platform: Platform?, source: Spec.FileSource) async throws -> Found
    {
        if source.urls.isEmpty { return try await own(name, for: platform, source: source) }
        let urls = mirrors.applied(to: source.urls(for: platform ?? spec.platforms[0], release: spec.release))
        let original = source.urls(for: platform ?? spec.platforms[0], release: spec.release)[0]
        func resolved(_ digest: Digest, size: Int64, local: String? = nil) -> Found {
            let locked = Lock.File(name: name, platform: platform, url: original, digest: digest, size: size)
            return .known(ResolvedFile(locked: locked, urls: urls, local: local))
        }
        if let locked = lock?.files.first(where: { $0.name == name && $0.platform == platform }) {
            if let promised = source.digest(for: platform ?? spec.platforms[0]), promised != locked.digest {
                throw Failure(
                    .data, "collect the file", name,
                    because: "the lock has \(locked.digest), but the spec promises \(promised)",
                    remedy:
                        "find out which is right; to accept the spec's run `sealift lock SPEC --update \(name)`"
                )
            }
            return resolved(locked.digest, size: locked.size)
        }
        if lock != nil, !takesUnlocked { throw Lock.lacking("the file \(name)") }
        let promised = try await promise(name, for: platform, source: source, urls: urls)
        let title = name + (platform.map { " for \($0)" } ?? "")
        if let promised, let size = try await client.examine(urls: urls).size {
            return resolved(promised, size: size)
        }
        guard fetches else {
            return .unknown(title: title, size: try await client.examine(urls: urls).size)
        }
        let path = "\(scratch)/\(name)-\((platform?.description ?? "any").replacing("/", with: "-"))"
        let (digest, size) = try await fetch(urls, to: path, by: source.algorithm ?? .sha256)
        if let promised, promised != digest {
            throw Self.broken(promise: promised, of: name, is: digest, place: "the URL \(urls[0])")
        }
        return resolved(digest, size: size, local: path)
    }

    private func fetch(
        _ urls: [String], to path: String, by algorithm: Digest.Algorithm
    ) async throws -> (Digest, Int64) {
        try makeFolder(scratch)
        let sink = try ScratchSink(path, by: algorithm)
        try await client.fetch(urls: urls, into: sink)
        return sink.outcome
    }

    private static func broken(
        promise promised: Digest, of name: String, is digest: Digest, place: String
    ) -> Failure {
        Failure(
            .data, "collect the file", name,
            because: "it is \(digest), but the spec promises \(promised)",
            remedy: "find out which is right; then correct the digest in the spec or \(place)")
    }

    /// A file of this host, or a text of the spec.
    private func own(_ name: String, for platform: Platform?, source: Spec.FileSource) async throws -> Found {
        let origin = source.origin(for: platform ?? spec.platforms[0], release: spec.release)
        let path = try await place(of: name, for: platform, source: source)
        let (digest, size) = try await onThread { () throws(Failure) in
            let file = try File.open(path, ofSpecIn: folder)
            var hash = ContentHash(source.algorithm ?? .sha256)
            var size: Int64 = 0
            var stream = file.stream(count: try file.size())
            try stream.forEachChunk { (bytes) throws(Failure) in
                hash.update(bytes)
                size += Int64(bytes.count)
            }
            return (hash.digest(), size)
        }
        if let promised = source.digest(for: platform ?? spec.platforms[0]), promised != digest {
            throw Self.broken(promise: promised, of: name, is: digest, place: "the file")
        }
        let locked = Lock.File(name: name, platform: platform, url: origin, digest: digest, size: size)
        let before = lock?.files.first { $0.name == name && $0.platform == platform && $0.url == origin }
        if let before, before.digest != digest {
            throw Failure(
                .data, "collect the file", name,
                because: "the lock has \(before.digest), and \(path) is \(digest)",
                remedy: "find out why it changed; to accept it run `sealift lock SPEC --update \(name)`")
        }
        return .known(ResolvedFile(locked: locked, urls: [], local: path, isOwn: true))
    }

    /// Where the content of an own file is; the spec's text is written to the scratch folder.
    private func place(
        of name: String, for platform: Platform?, source: Spec.FileSource
    ) async throws -> String {
        if let path = source.path(for: platform ?? spec.platforms[0], release: spec.release) {
            return path.hasPrefix("/") ? path : folder + path
        }
        let path = "\(scratch)/\(name)-text"
        let bytes = Array((source.text ?? "").utf8)
        try makeFolder(scratch)
        try await onThread { () throws(Failure) in
            let sink = try ScratchSink(path)
            var stream = MemoryStream(bytes)
            try stream.forEachChunk { (bytes) throws(Failure) in try sink.append(bytes) }
        }
        return path
    }

    /// What the spec promises of the content, itself or by a checksum list next to it.
    private func promise(
        _ name: String, for platform: Platform?, source: Spec.FileSource, urls: [String]
    ) async throws -> Digest? {
        if let digest = source.digest(for: platform ?? spec.platforms[0]) { return digest }
        guard let sums = source.sums(for: platform ?? spec.platforms[0], release: spec.release) else {
            return nil
        }
        let bytes = try await client.bytes(urls: mirrors.applied(to: [sums]), limit: 1 << 20)
        let file = urls[0].prefix { $0 != "?" }.split(separator: "/").last.map(String.init) ?? name
        return try ChecksumList(parsing: bytes, by: source.algorithm ?? .sha256, artifact: sums).digest(
            of: file, artifact: sums)
    }
}

/// Makes the folder `path` unless it is there.
func makeFolder(_ path: String) throws(Failure) {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
        throw Failure.system("create the folder", artifact: path)
    }
}

/// Takes content whose digest is not known yet into a file, hashing it on the way.
// Unchecked: a sink is used by one thread at a time, as BlobSink says, and read when the fetch is over.
final class ScratchSink: BlobSink, @unchecked Sendable {
    private let file: File
    private let limit: Int64
    private let algorithm: Digest.Algorithm
    private var hash: ContentHash
    private(set) var received: Int64 = 0

    /// Starts an empty file at `path`, which takes at most `limit` bytes.
    init(
        _ path: String, by algorithm: Digest.Algorithm = .sha256, limit: Int64 = Descriptor.largestSize
    ) throws(Failure) {
        self.limit = limit
        self.algorithm = algorithm
        hash = ContentHash(algorithm)
        unlink(path)
        file = try File.create(path, exclusive: true)
    }

    /// Digest and size of what was taken.
    var outcome: (Digest, Int64) { (hash.digest(), received) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard Int64(bytes.count) <= limit - received else {
            throw Failure(.data, "store", file.path, because: "it has more than \(limit) bytes")
        }
        try file.write(bytes, at: received)
        hash.update(bytes)
        received += Int64(bytes.count)
    }

    func restart() throws(Failure) {
        guard ftruncate(file.descriptor, 0) == 0 else { throw Failure.system("empty", artifact: file.path) }
        hash = ContentHash(algorithm)
        received = 0
    }

    func finish() throws(Failure) {}
}

/// Other places for file URLs: what begins with `from` is fetched from `to` first.
package struct FileMirrors: Sendable {
    /// One pair of URL beginnings.
    package struct Rule: Sendable {
        /// What a URL of the spec begins with.
        package let from: String
        /// What is there instead.
        package let to: String

        /// Creates a rule.
        package init(from: String, to: String) {
            self.from = from
            self.to = to
        }
    }

    /// The rules, tried in order.
    package var rules: [Rule]

    /// Creates mirrors from rules.
    package init(_ rules: [Rule] = []) { self.rules = rules }

    /// The URLs with those of the mirrors before them.
    func applied(to urls: [String]) -> [String] {
        let mirrored = urls.flatMap { url in
            rules.filter { url.hasPrefix($0.from) }.map { $0.to + url.dropFirst($0.from.count) }
        }
        return mirrored + urls
    }
}
