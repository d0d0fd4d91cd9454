// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@testable import sealift

/// Sizes as people write them, and as they read them.
@Suite struct SizeTests {
    @Test(
        arguments: [
            ("1", 1), ("512B", 512), ("4GB", 4_000_000_000), ("4gb", 4_000_000_000), ("700MiB", 734_003_200),
            ("700 mib", 734_003_200), ("2TB", 2_000_000_000_000), ("1KiB", 1024), ("1KB", 1000),
            ("8388607TiB", 9_223_370_937_343_148_032), ("4.7GB", 4_700_000_000), ("4G", 4_000_000_000),
            ("4 g", 4_000_000_000), ("650MB", 650_000_000), ("8.5gb", 8_500_000_000),
            ("25.025G", 25_025_000_000),
            ("700Mi", 734_003_200), ("1.5KiB", 1536), ("0.5K", 500), ("0.1KiB", 102),
            ("1.000000001T", 1_000_000_001_000),
        ] as [(String, Int64)])
    func unitsOfBothKindsAreRead(_ text: String, _ bytes: Int64) throws {
        #expect(try ByteSize(text).bytes == bytes)
    }

    @Test(arguments: [
        "", "0", "-1", "0GB", "GB", "4XB", "4.GB", ".5GB", "4.7", "1.5B", "4,7GB", "4.7.1GB", "4..7GB",
        "0.0GB",
        "1.0000000001GB", "9223372036.9G", "4 . 7GB", "4GiBB", "4IB", "4GBB", "١GB", "0x10", "4e9",
        "9223372036854775808",
        "8388608TiB",
        "99999999999999999999TB", "4GB\u{1B}[31m",
    ])
    func whatIsNoSizeIsRefused(_ text: String) {
        let failure = #expect(throws: Failure.self) { try ByteSize(text) }
        #expect(failure?.kind == .usage)
        #expect(failure?.remedy.isEmpty == false)
    }

    @Test(
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
            (102_400, "100 KiB"), (1_048_576, "1.0 MiB"), (1_073_741_824, "1.0 GiB"),
            (Int64.max, "8388608 TiB"),
        ] as [(Int64, String)])
    func threeDigitsAtMostAreShown(_ bytes: Int64, _ text: String) {
        #expect(bytes.asBytes == text)
    }

    @Test(arguments: [
        (Duration.zero, "0:00"), (.milliseconds(1), "0:01"), (.seconds(59), "0:59"),
        (.milliseconds(59_001), "1:00"), (.seconds(4500), "75:00"),
    ])
    func clocksCountASecondThatHasBegun(_ time: Duration, _ text: String) {
        #expect(time.asClock == text)
    }
}
