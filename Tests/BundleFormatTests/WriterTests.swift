// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import TestSupport
import Testing

/// Interrupted, repeated, crowded and starved writers.
@Suite struct WriterTests {
    static let shared = try! Fixture(layer: 3 << 20)
    let fixture = Self.shared

    /// Appends the part `range` of the blob's content.
    func append(_ blob: Descriptor, _ range: Range<Int>, to sink: any BlobSink) throws {
        let content = try #require(fixture.blobs[blob.digest])
        let slice = Array(content[range])
        let outcome = slice.withUnsafeBytes { bytes in
            Result { () throws(Failure) in try sink.append(bytes) }
        }
        try outcome.get()
    }

    @Test func aDroppedWriterIsContinuedInsideABlob() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            try fixture.write(plan, at: folder + "/whole")
            let path = folder + "/b.tar"
            let large: Descriptor
            do {
                let writer = try BundleWriter(plan, at: path)
                large = try #require(writer.pending.first { $0.size > 3 << 20 })
                try writer.fill(writer.pending[0], from: fixture)
                try append(large, 0..<(2 << 20), to: try writer.sink(for: large))
            }
            #expect(!FileManager.default.fileExists(atPath: path))
            let again = try BundleWriter(plan, at: path)
            #expect(!again.pending.contains(plan.blobs.first { $0.bytes == nil }!.descriptor))
            #expect(again.received(of: large.digest) == 2 << 20)
            let sink = try again.sink(for: large)
            #expect(sink.received == 2 << 20)
            try append(large, (2 << 20)..<Int(large.size), to: sink)
            try sink.finish()
            for blob in again.pending { try again.fill(blob, from: fixture) }
            try again.finish()
            try again.finish()
            #expect(try bytes(of: path) == bytes(of: folder + "/whole"))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["b.tar", "whole"])
        }
    }

    @Test func aKilledProcessIsContinuedByAnother() async throws {
        let scratch = try Scratch()
        let folder = scratch.path
        defer { withExtendedLifetime(scratch) {} }
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String] in
            let fixture = try Fixture(layer: 3 << 20)
            let writer = try BundleWriter(try fixture.plan(), at: folder + "/b.tar")
            for blob in writer.pending.prefix(7) { try writer.fill(blob, from: fixture) }
            let large = try #require(writer.pending.last { $0.size > 3 << 20 })
            let sink = try writer.sink(for: large)
            var stream = try fixture.open(large)
            try stream.forEachChunk(of: 1 << 16) { (bytes) throws(Failure) in
                try sink.append(bytes)
                if sink.received > 5 << 19 { kill(getpid(), SIGKILL) }
            }
        }
        let plan = try fixture.plan()
        let writer = try BundleWriter(plan, at: folder + "/b.tar")
        let large = try #require(writer.pending.last { $0.size > 3 << 20 })
        #expect(writer.pending.count == plan.blobs.filter { $0.bytes == nil }.count - 7)
        #expect(writer.received(of: large.digest) == 5 << 19)
        for blob in writer.pending { try writer.fill(blob, from: fixture) }
        try writer.finish()
        try fixture.write(plan, at: folder + "/whole")
        #expect(try bytes(of: folder + "/b.tar") == bytes(of: folder + "/whole"))
    }

    @Test func aTornJournalLosesOnlyItsEnd() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            let path = folder + "/b.tar"
            do {
                let writer = try BundleWriter(plan, at: path)
                for blob in writer.pending.prefix(6) { try writer.fill(blob, from: fixture) }
            }
            let handle = try #require(FileHandle(forWritingAtPath: path + ".journal"))
            try handle.truncate(atOffset: try handle.seekToEnd() - 3)
            let again = try BundleWriter(plan, at: path)
            let left = plan.blobs.filter { $0.bytes == nil }.count
            #expect(again.pending.count == left - 5)
            for blob in again.pending { try again.fill(blob, from: fixture) }
            try again.finish()
            #expect(try Bundle(opening: path).verify().isEmpty)
        }
    }

    @Test func whatIsNotedIsReadAgain() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            let path = folder + "/b.tar"
            do {
                let writer = try BundleWriter(plan, at: path)
                for blob in writer.pending { try writer.fill(blob, from: fixture) }
            }
            // What a power cut leaves, the journal arrived and the end of the last blob did not; or what another
            // hand has changed meanwhile.
            let last = try #require(plan.blobs.last)
            let file = try File.create(path + ".partial")
            _ = [UInt8](repeating: 0, count: 9).withUnsafeBytes { bytes in
                Result { () throws(Failure) in
                    try file.write(bytes, at: last.offset + last.descriptor.size - 9)
                }
            }
            let again = try BundleWriter(plan, at: path)
            #expect(again.pending == [last.descriptor])
            try again.fill(last.descriptor, from: fixture)
            try again.finish()
            #expect(try Bundle(opening: path).verify().isEmpty)
        }
    }

    /// One that was whole and is not any more is made again: what is whole of it counts.
    @Test func aDamagedBundleIsNotUpToDate() throws {
        try withFolder { folder in
            let (plan, path) = (try fixture.plan(), folder + "/b.tar")
            try fixture.write(plan, at: path)
            #expect(try BundleWriter(plan, at: path).isAlreadyThere)
            let last = try #require(plan.blobs.last)
            var damaged = try bytes(of: path)
            damaged[Int(last.offset)] ^= 1
            try Data(damaged).write(to: URL(filePath: path))
            let writer = try BundleWriter(plan, at: path)
            #expect(!writer.isAlreadyThere && writer.damaged == [last.owner])
            let old = try Bundle(opening: path)
            var fetched = 0
            for blob in writer.pending where try !writer.reuse(blob, from: old) {
                try writer.fill(blob, from: fixture)
                fetched += 1
            }
            try writer.finish()
            #expect(fetched == 1)
            #expect(try Bundle(opening: path).verify().isEmpty)
        }
    }

    @Test func wrongBytesLeaveNothing() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            let writer = try BundleWriter(plan, at: folder + "/b.tar")
            let blob = try #require(writer.pending.first { $0.size > 1 << 20 })
            let sink = try writer.sink(for: blob)
            var wrong = try #require(fixture.blobs[blob.digest])
            wrong[wrong.count / 2] ^= 1
            let outcome = wrong.withUnsafeBytes { bytes in
                Result { () throws(Failure) in try sink.append(bytes) }
            }
            try outcome.get()
            let refused = #expect(throws: Failure.self) { try sink.finish() }
            #expect(refused?.kind == .data)
            #expect(sink.received == 0)
            #expect(writer.pending.contains(blob))
            let short = #expect(throws: Failure.self) { try sink.finish() }
            #expect(short?.kind == .data)
            let long = #expect(throws: Failure.self) {
                try append(blob, 0..<Int(blob.size), to: sink)
                try append(blob, 0..<1, to: sink)
            }
            #expect(long?.kind == .data)
            let unfinished = #expect(throws: Failure.self) { try writer.finish() }
            #expect(unfinished?.kind == .fault)
            let second = #expect(throws: Failure.self) { try writer.sink(for: blob) }
            #expect(second?.kind == .fault)
        }
    }

    @Test func aSecondWriterIsRefused() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            let first = try BundleWriter(plan, at: folder + "/b.tar")
            let refused = #expect(throws: Failure.self) { try BundleWriter(plan, at: folder + "/b.tar") }
            #expect(refused?.kind == .busy)
            #expect(first.pending.count > 0)
        }
    }

    @Test func aFinishedBundleIsLeftAlone() throws {
        try withFolder { folder in
            let path = folder + "/b.tar"
            let plan = try fixture.plan()
            try fixture.write(plan, at: path)
            let before = try FileManager.default.attributesOfItem(atPath: path)
            let writer = try BundleWriter(plan, at: path)
            #expect(writer.isAlreadyThere && writer.pending.isEmpty)
            try writer.finish()
            let after = try FileManager.default.attributesOfItem(atPath: path)
            #expect(before[.systemFileNumber] as? UInt64 == after[.systemFileNumber] as? UInt64)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["b.tar"])
        }
    }

    @Test func leftoversOfAnotherPlanAreUsed() throws {
        try withFolder { folder in
            let path = folder + "/b.tar"
            do {
                let writer = try BundleWriter(try fixture.plan(), at: path)
                for blob in writer.pending.dropLast() { try writer.fill(blob, from: fixture) }
            }
            var smaller = fixture
            smaller.lock.files.removeFirst()
            let plan = try smaller.plan()
            let writer = try BundleWriter(plan, at: path)
            #expect(writer.pending.count == 1)
            for blob in writer.pending { try writer.fill(blob, from: fixture) }
            try writer.finish()
            try smaller.write(plan, at: folder + "/fresh")
            #expect(try bytes(of: path) == bytes(of: folder + "/fresh"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
        }
    }

    @Test(arguments: [nil, 1 << 20 as Int64]) func anOldBundleIsReused(volumeSize: Int64?) throws {
        try withFolder { folder in
            try fixture.write(try fixture.plan(volumeSize: volumeSize), at: folder + "/old")
            let old = try Bundle(opening: folder + "/old")
            let writer = try BundleWriter(try fixture.plan(), at: folder + "/new")
            let wanted = writer.pending
            for blob in wanted { #expect(try writer.reuse(blob, from: old)) }
            #expect(writer.pending.isEmpty)
            try writer.finish()
            try fixture.write(try fixture.plan(), at: folder + "/fresh")
            #expect(try bytes(of: folder + "/new") == bytes(of: folder + "/fresh"))
        }
    }

    @Test func whatIsDamagedInAnOldBundleStaysPending() throws {
        try withFolder { folder in
            let plan = try fixture.plan()
            try fixture.write(plan, at: folder + "/old")
            let last = try #require(plan.blobs.last)
            try flip(folder + "/old", bit: 8 * last.offset + 5)
            let writer = try BundleWriter(plan, at: folder + "/new")
            let old = try Bundle(opening: folder + "/old")
            for blob in writer.pending {
                #expect(try writer.reuse(blob, from: old) == (blob != last.descriptor))
            }
            #expect(writer.pending == [last.descriptor])
        }
    }

    @Test func manyThreadsFillAtOnce() throws {
        try withFolder { folder in
            let plan = try fixture.plan(volumeSize: 1_000_000)
            let writer = try BundleWriter(plan, at: folder + "/b")
            let pending = writer.pending
            DispatchQueue.concurrentPerform(iterations: pending.count) { index in
                do { try writer.fill(pending[index], from: fixture) } catch { Issue.record(error) }
            }
            try writer.finish()
            #expect(try Bundle(opening: folder + "/b").verify().isEmpty)
        }
    }

    @Test func volumesJoinedAreTheFile() throws {
        try withFolder { folder in
            let plan = try fixture.plan(volumeSize: 1_000_000)
            try fixture.write(plan, at: folder + "/b")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names.count == Int((plan.size + 999_999) / 1_000_000))
            #expect(names.first == "b.001")
            #expect(try run("sh", "-c", "cat b.* > joined", in: folder).status == 0)
            let joined = try Bundle(opening: folder + "/joined")
            #expect(joined.indexDigest == plan.indexDigest && joined.verify().isEmpty && !joined.isSplit)
            #expect(try run("tar", "tf", "joined", in: folder).errors.isEmpty)
            #expect(try Bundle(opening: folder + "/b.001").verify().isEmpty)
            #expect(try BundleWriter(plan, at: folder + "/b").isAlreadyThere)
        }
    }

    @Test func aLargerBundlesLastVolumesAreRemoved() throws {
        try withFolder { folder in
            try fixture.write(try fixture.plan(volumeSize: 1_000_000), at: folder + "/b")
            let plan = try fixture.plan(volumeSize: 9_000_000)
            try fixture.write(plan, at: folder + "/b")
            #expect(try Bundle(opening: folder + "/b").verify().isEmpty)
        }
    }

    @Test func volumesTooSmallAreRefused() throws {
        let refused = #expect(throws: Failure.self) { try fixture.plan(volumeSize: 600) }
        #expect(refused?.kind == .configuration)
    }

    @Test(.enabled(if: getuid() == 0, "a file system can be mounted by root alone"))
    func noSpaceIsFoundAtOnce() throws {
        try withFolder { folder in
            try #require(try run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder).status == 0)
            defer { _ = try? run("umount", folder) }
            let plan = try fixture.plan()
            let refused = #expect(throws: Failure.self) { try BundleWriter(plan, at: folder + "/b.tar") }
            #expect(refused?.kind == .space)
            #expect(refused?.reason.contains("needs \(plan.size) bytes") == true, "\(refused!)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }
}

/// Flips one bit of a file.
func flip(_ path: String, bit: Int64) throws {
    let file = try File.create(path)
    var byte: [UInt8] = [0]
    let outcome = byte.withUnsafeMutableBytes { buffer in
        Result { () throws(Failure) in
            _ = try file.read(into: buffer, at: bit / 8)
            buffer[0] ^= 1 << UInt8(bit % 8)
            try file.write(UnsafeRawBufferPointer(buffer), at: bit / 8)
        }
    }
    try outcome.get()
}
