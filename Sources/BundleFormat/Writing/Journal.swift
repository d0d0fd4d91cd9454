// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What a writer has done so far, line by line, so that another process can resume.
///
/// A line is the first 8 digits of the SHA-256 of the rest, a space, and the rest. Reading stops at the
/// first line that is torn. The open journal is locked: one writer at a time.
final class Journal: Sendable {
    /// Which bundle the lines speak of.
    struct Identity: Equatable {
        var index: Digest
        var size: Int64
        var volumeSize: Int64?
    }
    /// How far a blob has come.
    struct Progress {
        var offset: Int64
        var size: Int64
        var received: Int64
        /// Whether its digest was found right.
        var done: Bool
    }
    /// What the lines say.
    struct State {
        var identity: Identity?
        /// Whether everything but the pending blobs is written.
        var isLaidOut = false
        /// Whether all is written, and only names are left to be changed.
        var isComplete = false
        var blobs: [Digest: Progress] = [:]
    }

    private let file: File
    private let lock: FileLock
    let path: String

    /// Opens the journal at `path`, made if need be, and locks it.
    /// - Throws: a `Failure` of kind `busy` while another writer holds it.
    init(_ path: String) throws(Failure) {
        self.path = path
        while true {
            let descriptor = open(
                path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
            guard descriptor >= 0 else { throw Failure.system("create", artifact: path) }
            let file = File(taking: descriptor, path: path)
            guard let lock = try FileLock(of: file) else {
                throw Failure(
                    .busy, "write", String(path.dropLast(".journal".count)),
                    because: "another process is writing it",
                    remedy: "wait until it has ended, or name another file")
            }
            // The last holder removes the file when it ends: a lock on a removed file guards nothing.
            var (held, there) = (stat(), stat())
            guard fstat(file.descriptor, &held) == 0 else { throw Failure.system("examine", artifact: path) }
            if stat(path, &there) == 0, held.st_ino == there.st_ino, held.st_dev == there.st_dev {
                self.file = file
                self.lock = lock
                return
            }
        }
    }

    /// Reads the lines up to the first torn one, and drops that and all after it.
    func load() throws(Failure) -> State {
        let bytes = try file.bytes(limit: .max)
        var state = State()
        var good = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            guard Self.apply(String(decoding: line, as: UTF8.self), to: &state) else { break }
            good = line.endIndex + 1
        }
        guard ftruncate(file.descriptor, off_t(good)) == 0 else {
            throw Failure.system("shorten", artifact: path)
        }
        return state
    }

    /// Forgets everything and begins with `identity`.
    func begin(_ identity: Identity) throws(Failure) {
        guard ftruncate(file.descriptor, 0) == 0 else { throw Failure.system("shorten", artifact: path) }
        try append("bundle \(identity.index.hex) \(identity.size) \(identity.volumeSize ?? 0)")
    }

    /// Notes that everything but the pending blobs is written.
    func noteLayout() throws(Failure) { try append("laid-out") }

    /// Notes how far a blob has come.
    func note(_ digest: Digest, progress: Progress) throws(Failure) {
        try append(
            "\(progress.done ? "done" : "at") \(digest.hex) \(progress.offset) \(progress.size) "
                + "\(progress.received)")
    }

    /// Notes that all is written and flushed, and waits until the note itself is.
    func noteComplete() throws(Failure) {
        try append("complete")
        try file.synchronize()
    }

    /// Removes the journal. The lock is held on until the object goes.
    func remove() { unlink(path) }

    private func append(_ text: String) throws(Failure) {
        let line = Array("\(Self.checksum(text)) \(text)\n".utf8)
        // One call a line, at the end wherever that is: lines of two threads do not mix.
        let count = line.withUnsafeBytes { write(file.descriptor, $0.baseAddress, $0.count) }
        guard count == line.count else {
            throw count < 0
                ? Failure.system("write", artifact: path)
                : Failure.system("write", artifact: path, code: ENOSPC)
        }
    }

    private static func checksum(_ text: some StringProtocol) -> String {
        String(Digest(of: Array(text.utf8)).hex.prefix(8))
    }

    private static func apply(_ line: String, to state: inout State) -> Bool {
        let parts = line.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, checksum(parts[1]) == parts[0] else { return false }
        let words = parts[1].split(separator: " ")
        let numbers = words.dropFirst(2).map { Int64($0) }
        guard !numbers.contains(nil) else { return false }
        let values = numbers.compactMap(\.self)
        switch (
            words.first ?? "",
            words.dropFirst().first.flatMap { Digest(hex: $0) ?? Digest(hex: $0, .sha512) }, values.count
        ) {
        case ("bundle", let index?, 2):
            state.identity = Identity(
                index: index, size: values[0], volumeSize: values[1] > 0 ? values[1] : nil)
        // Of an earlier release: which boot the writer ran in.
        case ("boot", _, 0): break
        case ("laid-out", nil, 0): state.isLaidOut = true
        case ("complete", nil, 0): state.isComplete = true
        case ("at", let digest?, 3), ("done", let digest?, 3):
            state.blobs[digest] = Progress(
                offset: values[0], size: values[1], received: values[2], done: words[0] == "done")
        default: return false
        }
        return true
    }
}
