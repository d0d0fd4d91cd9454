// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// How much memory a stream may ask for.
@Suite struct WindowTests {
    /// Each frame and each block asks for a window of its own, so the first says nothing of the others.
    @Test(arguments: [
        ("small | zstd -q; large | zstd -q --long=27", false),
        ("small | zstd -q; large | zstd -q --long=26", true),
        ("small | zstd -q; printf 'P*M\\030\\004\\0\\0\\0abcd'; large | zstd -q --long=27", false),
        (
            "small | zstd -q; printf 'P*M\\030\\004\\0\\0\\0abcd'; small | zstd -q --no-check; large | zstd -q",
            true
        ),
        ("for i in $(seq 300); do small | zstd -q -1; done; large | zstd -q --ultra -22 --long=31", false),
        ("small | xz; large | xz --lzma2=dict=65MiB", false), ("small | xz; large | xz -9", true),
        (
            "small | xz -C none; head -c 8 /dev/zero; small | xz -C sha256; large | xz --lzma2=dict=1GiB",
            false
        ),
        (
            "large | xz -C crc64 -T2 --block-size=1MiB; large | xz --arm --delta --lzma2=preset=0; large | xz -0 -C none",
            true
        ),
    ])
    func theWindowOfEachFrameIsBounded(_ command: String, _ isTaken: Bool) throws {
        let inputs = "small() { printf abc; }; large() { head -c 5000000 /dev/zero; }; "
        let packed = try tool("bash", "-c", inputs + command)
        if isTaken {
            #expect(try DecompressTests.count(packed, limit: nil) > 5_000_000)
            return #expect(try DecompressTests.inflate(packed, limit: 1 << 27).count > 5_000_000)
        }
        for isTrickle in [true, false] {
            let refused = #expect(throws: Failure.self) {
                _ =
                    try isTrickle
                    ? DecompressTests.inflate(packed).count : DecompressTests.count(packed, limit: 1 << 40)
            }
            #expect(refused?.reason.contains("window") == true, "\(refused as Any)")
        }
    }

    /// A second block in one stream of xz, which no option of the program makes.
    @Test func theWindowOfASecondBlockIsBounded() throws {
        let script = """
            import lzma, struct, sys, zlib
            def block(dictionary):
                packed = lzma.compress(bytes(100000), check=lzma.CHECK_CRC32, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}])
                index = (struct.unpack("<I", packed[-8:-4])[0] + 1) * 4
                start = end = len(packed) - 12 - index + 2
                for _ in range(2):
                    while packed[end] & 128: end += 1
                    end += 1
                return packed[12:-12 - index], packed[start:end]
            blocks = [block(1 << 20), block(int(sys.argv[1]))]
            head = b"\\xfd7zXZ\\0" + b"\\0\\1" + struct.pack("<I", zlib.crc32(b"\\0\\1"))
            index = b"\\0\\2" + blocks[0][1] + blocks[1][1]
            index += bytes(-len(index) % 4)
            index += struct.pack("<I", zlib.crc32(index))
            end = struct.pack("<I", len(index) // 4 - 1) + b"\\0\\1"
            sys.stdout.buffer.write(head + blocks[0][0] + blocks[1][0] + index + struct.pack("<I", zlib.crc32(end)) + end + b"YZ")
            """
        let honest = try tool("python3", "-c", script, "\(64 << 20)")
        #expect(try DecompressTests.count(honest, limit: nil) == 200_000)
        let large = try tool("python3", "-c", script, "\(65 << 20)")
        let refused = #expect(throws: Failure.self) { try DecompressTests.count(large, limit: nil) }
        #expect(refused?.reason.contains("window") == true, "\(refused as Any)")
    }
}
