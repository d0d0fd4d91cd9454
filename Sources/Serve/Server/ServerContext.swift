// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOPosix
internal import OCI

/// What all connections of a server share.
final class ServerContext: Sendable {
    let router: Router
    let verifier: BlobVerifier
    let settings: ServerSettings
    /// Threads for short reads; long hashes have others.
    let readers: NIOThreadPool
    let passwords: PasswordQueue
    /// What requests may hold in memory that are not whole, or that wait for an answer.
    let requests = MemoryBudget(12 << 20)
    /// What answers may hold in memory until their clients have taken them.
    let answers = MemoryBudget(24 << 20)
    let log: @Sendable (ServerEvent) -> Void
    /// Bytes go through memory, since TLS must see them.
    var encrypted: Bool { settings.tls != nil }

    /// Content up to this size is read and hashed for each response; above it sendfile sends it.
    static let small: Int64 = 256 << 10
    /// The largest piece that is handed to a socket at once, in bytes.
    static let piece: Int64 = 1 << 20
    /// The largest piece where bytes go through memory and the budget for it is used up.
    static let smallPiece: Int64 = 64 << 10
    /// The end of a response that is kept back until its blob is verified, in bytes.
    static let tail: Int64 = 16 << 10

    init(
        _ catalog: Catalog, settings: ServerSettings, verifier: BlobVerifier, readers: NIOThreadPool,
        passwords: PasswordQueue, log: @escaping @Sendable (ServerEvent) -> Void
    ) {
        router = Router(
            catalog: catalog, aliases: settings.aliases, scheme: settings.tls == nil ? "http" : "https",
            bundles: settings.bundles)
        self.verifier = verifier
        self.settings = settings
        self.readers = readers
        self.passwords = passwords
        self.log = log
    }

    /// The first copy of the blob that is not known to be damaged.
    /// - Throws: a ``Failure`` of kind `data` when all are.
    func copy(of digest: Digest) throws(Failure) -> (index: Int, regions: [Region]) {
        var last = Failure(.input, "serve", "the blob \(digest)", because: "no bundle here holds it")
        for (index, regions) in router.catalog.copies(of: digest).enumerated() {
            guard case .failure(let failure)? = verifier.known(digest, copy: index) else {
                return (index, regions)
            }
            last = failure
        }
        throw last
    }

    /// Reads and verifies a small blob and returns the part `range` of it. Blocks.
    /// - Throws: the ``Failure`` of the last copy when every one is damaged.
    func read(_ digest: Digest, range: Range<Int64>) throws(Failure) -> ByteBuffer {
        var last = Failure(.input, "serve", "the blob \(digest)", because: "no bundle here holds it")
        for regions in router.catalog.copies(of: digest) {
            do throws(Failure) {
                let artifact = "the blob \(digest)"
                var stream = VerifyingStream(
                    RegionStream(regions), digest: digest, size: Catalog.size(regions), artifact: artifact)
                let bytes = try stream.readAll(limit: Int(Self.small), artifact: artifact)
                guard range.upperBound <= bytes.count else {
                    throw Failure(.data, "serve", artifact, because: "it has only \(bytes.count) bytes")
                }
                return ByteBuffer(bytes: bytes[Int(range.lowerBound)..<Int(range.upperBound)])
            } catch {
                log(.damaged(digest, error))
                last = error
            }
        }
        throw last
    }
}
