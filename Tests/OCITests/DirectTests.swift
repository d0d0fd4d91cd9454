// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// Files read and written past the system's cache, and through it where the file system allows nothing else.
@Suite struct DirectTests {
    /// More than two blocks, and no whole number of sectors.
    private static let content = (0..<(5 << 19) + 777).map {
        UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7)
    }

    @Test(arguments: [
        (0, 5 << 19), (1, 4096), (4095, 2), (512, (2 << 20) + 13), ((1 << 20) - 1, 2), (0, (5 << 19) + 777),
    ])
    func givesTheBytesOfAnyPart(_ offset: Int, _ count: Int) throws {
        let scratch = try Scratch()
        let path = scratch("file")
        try Data(Self.content).write(to: URL(fileURLWithPath: path))
        var stream = DirectStream(of: try File.open(path), at: Int64(offset), count: Int64(count))
        #expect(
            try stream.readAll(limit: count, artifact: path) == Array(Self.content[offset..<offset + count]))
    }

    @Test func sayThatTheFileEndsTooEarly() throws {
        let scratch = try Scratch()
        let path = scratch("file")
        try Data(Self.content).write(to: URL(fileURLWithPath: path))
        var stream = DirectStream(of: try File.open(path), at: 5000, count: Int64(Self.content.count))
        let failure = #expect(throws: Failure.self) { try stream.readAll(limit: 1 << 30, artifact: path) }
        #expect(failure?.reason == "it ends 5000 bytes too early")
    }

    @Test func anotherFileAtThePathIsNotTheSame() throws {
        let scratch = try Scratch()
        let file = try File.create(scratch("file"))
        unlink(file.path)
        #expect(file.openedDirectly() == nil)
        _ = try File.create(file.path)
        #expect(file.openedDirectly() == nil)
    }

    /// In memory, where older kernels allow none of it, and on a disk.
    @Test(arguments: ["/dev/shm", nil]) func writesWhatIsAligned(_ folder: String?) throws {
        let scratch = try Scratch()
        let path = folder.map { "\($0)/sealift-\(UUID())" } ?? scratch("file")
        let file = try File.create(path)
        defer { unlink(path) }
        guard let direct = file.openedDirectly(writing: true) else { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 4096)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: Self.content[..<8192])
        let bytes = UnsafeRawBufferPointer(buffer)
        #expect(try !direct.writeDirectly(UnsafeRawBufferPointer(rebasing: bytes[..<100]), at: 0))
        #expect(try !direct.writeDirectly(bytes, at: 512))
        #expect(try file.size() == 0)
        if try direct.writeDirectly(bytes, at: 4096) {
            var stream = file.stream(at: 4096, count: 8192)
            #expect(try stream.readAll(limit: 8192, artifact: path) == Array(Self.content[..<8192]))
        }
    }
}
