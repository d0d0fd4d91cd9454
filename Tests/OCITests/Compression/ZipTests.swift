// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// Zip archives by Python's own writer, and what was made of them.
@Suite struct ZipTests {
    /// The content of the one member of an archive, whose bytes `change` has altered: `data` are the bytes, `central`
    /// is where its second header begins.
    private func content(_ change: String) throws -> [UInt8] {
        let scratch = try Scratch()
        let script = """
            import io, struct, sys, zipfile
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive: archive.writestr("a", b"1" * 100000)
            data = bytearray(target.getvalue())
            central = data.index(b"PK\\1\\2")
            def put(at, format, value): data[at:at + struct.calcsize(format)] = struct.pack(format, value)
            \(change)
            open(sys.argv[1], "wb").write(data)
            """
        try tool("python3", "-c", script, scratch("a.zip"))
        let reader = try ZipReader(try File.open(scratch("a.zip")), artifact: "a.zip")
        var content: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while try reader.next() != nil {
            while case let count = try reader.read(into: buffer), count > 0 { content += buffer[..<count] }
        }
        return content
    }

    @Test func anHonestOneIsRead() throws {
        #expect(try content("pass") == [UInt8](repeating: 0x31, count: 100_000))
    }

    /// libarchive only warns of the first four, and gives what it has.
    @Test(arguments: [
        "put(central + 16, '<I', 7); put(14, '<I', 7)",  // the checksum
        "put(central + 24, '<I', 0); put(22, '<I', 0)",
        "put(central + 24, '<I', 99999); put(22, '<I', 99999)",
        "put(central + 24, '<I', 0xFFFFFFFE); put(22, '<I', 0xFFFFFFFE)",  // the size
        "data[60] ^= 255", "del data[60:70]", "put(central + 8, '<H', 1); put(6, '<H', 1)",  // encrypted
        "put(central + 42, '<I', 0x7FFFFFFF)", "del data[central:]; del data[50:]",
    ])
    func oneThatLiesIsRefused(_ change: String) {
        let refused = #expect(throws: Failure.self, "\(change)") { try content(change) }
        #expect(refused?.kind == .data)
    }
}
