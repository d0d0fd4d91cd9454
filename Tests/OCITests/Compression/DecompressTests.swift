// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

@Suite struct DecompressTests {
    static let sample: [UInt8] = {
        var numbers = SeededNumbers(3)
        return (0..<60_000).map {
            $0 % 1000 < 600 ? UInt8($0 / 1000 % 256) : UInt8(truncatingIfNeeded: numbers.next())
        }
    }()

    static func inflate(_ bytes: [UInt8], limit: Int64? = nil) throws -> [UInt8] {
        var stream = try decompressed(Trickle(bytes), limit: limit, artifact: "blob")
        return try stream.readAll(limit: 1 << 27, artifact: "blob")
    }

    static func compressed(_ tools: [String], _ bytes: [UInt8]) throws -> [UInt8] {
        let scratch = try Scratch()
        try scratch.write("in", bytes)
        return try tool("sh", "-c", "\(tools.joined(separator: " ")) < '\(scratch("in"))'")
    }

    @Test(arguments: [["gzip", "-9"], ["gzip", "-1"], ["zstd", "-q"], ["xz"], ["bzip2"], ["cat"]])
    func everyFormComesBack(tools: [String]) throws {
        let packed = try Self.compressed(tools, Self.sample)
        #expect(try Self.inflate(packed) == Self.sample)
        let empty = try Self.compressed(tools, [])
        #expect(try Self.inflate(empty) == [])
        guard tools != ["cat"] else { return }
        #expect(try Self.inflate(packed + packed) == Self.sample + Self.sample, "two in a row")
        #expect(throws: Failure.self) { _ = try Self.inflate(Array(packed[..<(packed.count / 2)])) }
        let small = try Self.compressed(tools, Array("a few words".utf8))
        for cut in 10..<small.count {
            #expect(throws: Failure.self, "cut at \(cut)") { _ = try Self.inflate(Array(small[..<cut])) }
        }
        #expect(throws: Failure.self, "garbage after the end") {
            _ = try Self.inflate(packed + Array("junk".utf8))
        }
    }

    @Test func aGzipChecksumIsVerified() throws {
        var packed = try Self.compressed(["gzip"], Self.sample)
        packed[packed.count - 6] ^= 1
        let failure = #expect(throws: Failure.self) { _ = try Self.inflate(packed) }
        #expect(failure?.kind == .data)
    }

    /// RFC 1952, 2.3: extra field, name and comment, as Helm writes its archives; they come in any pieces.
    @Test func aGzipHeaderMayHaveAllFields() throws {
        let packed = try Self.compressed(["gzip", "-n"], Self.sample)
        #expect(packed[3] == 0, "the header has no optional fields yet")
        let extra = [UInt8](repeating: 0x2B, count: 300)
        let fields = [UInt8(300 & 0xFF), UInt8(300 >> 8)] + extra + Array("name\0comment\0".utf8)
        let full = packed[..<3] + [0x1C] + packed[4..<10] + fields + packed[10...]
        #expect(try Self.inflate(Array(full + full)) == Self.sample + Self.sample)
        #expect(try Self.count(Array(full), limit: nil) == Self.sample.count)
        for cut in 11..<(10 + fields.count) {
            #expect(throws: Failure.self, "cut at \(cut)") { _ = try Self.inflate(Array(full[..<cut])) }
        }
    }

    static func count(_ bytes: [UInt8], limit: Int64?) throws -> Int {
        var stream = try decompressed(MemoryStream(bytes), limit: limit, artifact: "blob")
        var count = 0
        try stream.forEachChunk(of: 1 << 20) { count += $0.count }
        return count
    }

    @Test(arguments: [["gzip", "-9"], ["zstd", "-q"], ["xz"], ["bzip2"]])
    func bombsAreStopped(tools: [String]) throws {
        let packed = try tool("sh", "-c", "head -c 8388608 /dev/zero | \(tools.joined(separator: " "))")
        #expect(try Self.count(packed, limit: 8 << 20) == 8 << 20)
        let failure = #expect(throws: Failure.self) { _ = try Self.count(packed, limit: (8 << 20) - 1) }
        #expect(failure?.kind == .data)
    }

    @Test func withoutALimitTheRatioIsBounded() throws {
        let packed = try tool("sh", "-c", "head -c 120000000 /dev/zero | zstd -q -19")
        let failure = #expect(throws: Failure.self) { _ = try Self.count(packed, limit: nil) }
        #expect(failure!.reason.contains("times"))
        #expect(try Self.count(packed, limit: 120_000_000) == 120_000_000)
    }

    /// What a digest promises is unpacked whatever its ratio, in every form.
    @Test(arguments: [["gzip", "-9"], ["zstd", "-q", "-19"], ["xz"], ["bzip2"]])
    func whatIsPromisedMayBeCompressedWell(tools: [String]) throws {
        let packed = try tool("sh", "-c", "head -c 120000000 /dev/zero | \(tools.joined(separator: " "))")
        var stream = try decompressed(MemoryStream(packed), limit: nil, isPromised: true, artifact: "blob")
        var count = 0
        try stream.forEachChunk(of: 1 << 20) { count += $0.count }
        #expect(count == 120_000_000)
    }

    /// The window of the first frame is known before anything is unpacked.
    @Test(arguments: [
        ("zstd -q --long=27", false), ("zstd -q --ultra -22 --long=31", false), ("zstd -q --long=26", true),
        ("zstd -q -19", true),
        ("xz -9", true), ("xz --lzma2=dict=65MiB", false), ("xz --x86 --lzma2=dict=1GiB", false),
        ("xz -0", true),
        ("xz -T2 --block-size=1MiB -9", true),
    ])
    func windowsAreBounded(_ command: String, _ isTaken: Bool) throws {
        let packed = try tool("sh", "-c", "head -c 5000000 /dev/zero | \(command)")
        if isTaken { return #expect(try Self.count(packed, limit: 5_000_000) == 5_000_000) }
        let refused = #expect(throws: Failure.self) { try Self.count(packed, limit: 5_000_000) }
        #expect(refused?.reason.contains("window") == true, "\(refused as Any)")
    }

    @Test func anErrorOfTheSourceIsPassedOn() throws {
        for tools in [["gzip"], ["zstd", "-q"], ["cat"]] {
            let packed = try Self.compressed(tools, Self.sample)
            let wrong = Descriptor(mediaType: "", digest: Digest(of: [1]), size: Int64(packed.count))
            let failure = #expect(throws: Failure.self) {
                var stream = try decompressed(
                    VerifyingStream(MemoryStream(packed), descriptor: wrong, artifact: "the blob"),
                    limit: nil,
                    artifact: "x")
                _ = try stream.readAll(limit: 1 << 24, artifact: "x")
            }
            #expect(failure?.artifact == "the blob", "\(tools)")
        }
    }

    @Test(arguments: [["gzip"], ["zstd", "-q"], ["xz"], ["bzip2"]]) func mutationsNeverCrash(tools: [String])
        throws
    {
        var numbers = SeededNumbers(11)
        let packed = try Self.compressed(tools, Array(Self.sample.prefix(5_000)))
        var refused = 0
        for _ in 0..<200 {
            do { _ = try Self.inflate(mutated(packed, &numbers)) } catch is Failure { refused += 1 }
        }
        #expect(refused > 100)
    }
}

@Suite struct GzipWriterTests {
    static func pack(_ bytes: [UInt8], pieces: Int) throws -> [UInt8] {
        var packed: [UInt8] = []
        let writer = GzipWriter { packed.append(contentsOf: $0) }
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try writer.write(Array(bytes[start..<min(bytes.count, start + pieces)]))
        }
        try writer.finish()
        return packed
    }

    @Test func itsBytesDependOnTheInputAlone() throws {
        let sample = DecompressTests.sample
        let packed = try Self.pack(sample, pieces: 1 << 20)
        #expect(try Self.pack(sample, pieces: 777) == packed)
        #expect(packed[4..<8].allSatisfy { $0 == 0 }, "the time is zero")
        #expect(packed[3] == 0, "there is no name")
        let scratch = try Scratch()
        try scratch.write("p.gz", packed)
        #expect(try tool("gzip", "-dc", scratch("p.gz")) == sample)
        #expect(try DecompressTests.inflate(packed) == sample)
    }

    @Test func nothingIsAFileToo() throws {
        #expect(try DecompressTests.inflate(Self.pack([], pieces: 1)) == [])
    }

    @Test func whatTheSinkThrowsComesBack() {
        let full = Failure(.space, "write", "disk", because: "full")
        let writer = GzipWriter { (_) throws(Failure) in throw full }
        let failure = #expect(throws: Failure.self) {
            try writer.write(DecompressTests.sample)
            try writer.finish()
        }
        #expect(failure == full)
    }
}

@Suite struct ReadAheadTests {
    @Test func bytesAndErrorsArriveInOrder() throws {
        let sample = DecompressTests.sample
        var stream = ReadAhead(Trickle(sample), buffers: 3, of: 4096)
        #expect(try stream.readAll(limit: 1 << 20, artifact: "x") == sample)
        let short = Descriptor(mediaType: "", digest: Digest(of: sample), size: Int64(sample.count) + 1)
        var failing = ReadAhead(
            VerifyingStream(MemoryStream(sample), descriptor: short, artifact: "x"), of: 1000)
        var seen = 0
        let failure = #expect(throws: Failure.self) {
            try failing.forEachChunk(of: 999) { seen += $0.count }
        }
        #expect(failure?.kind == .data && seen == sample.count)
    }

    @Test func buffersAreFilledAndEndWithTheirSections() throws {
        let sample = [UInt8](DecompressTests.sample.prefix(10_000))
        var stream = ReadAhead(Trickle(sample), buffers: 2, of: 1000, filledPer: 2500)
        var (counts, bytes): ([Int], [UInt8]) = ([], [])
        while try stream.withNext({
            counts.append($0.count)
            bytes += $0
        }) {}
        #expect(counts == [1000, 1000, 500, 1000, 1000, 500, 1000, 1000, 500, 1000, 1000, 500])
        #expect(bytes == sample)
    }

    /// Endless; says when it is released.
    private final class Endless: ByteStream, @unchecked Sendable {
        // Unchecked: the semaphore is all that two threads share.
        let released: DispatchSemaphore
        init(_ released: DispatchSemaphore) { self.released = released }
        deinit { released.signal() }
        func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int { buffer.count }
    }

    @Test func theThreadEndsWhenTheConsumerGoes() throws {
        let released = DispatchSemaphore(value: 0)
        do {
            var stream = ReadAhead(Endless(released))
            var count = 0
            let more = try stream.withNext { count = $0.count }
            #expect(more && count == 1 << 18)
        }
        #expect(released.wait(timeout: .now() + 30) == .success)
    }
}
