import OCI
import Testing

/// The gate for text that leaves the program.
@Suite struct DisplayTextTests {
    @Test(arguments: [
        ("plain ASCII: ~!", "plain ASCII: ~!"), ("größe 日本 €", "größe 日本 €"),
        ("\u{1B}[2J\u{7}\u{7F}\0", "\\u001b[2J\\u0007\\u007f\\u0000"), ("a\u{9B}31mb", "a\\u009b31mb"),
        ("RUN\rCOPY\ntwo\tcolumns", "RUN\\rCOPY\\ntwo\tcolumns"),
        ("a\u{202E}b\u{2066}c\u{2028}\u{FEFF}", "a\\u202eb\\u2066c\\u2028\\ufeff"),
        ("tag\u{E0041}", "tag\\udb40\\udc41"), ("", ""),
    ])
    func controlsAreShown(_ text: String, _ shown: String) {
        #expect(text.escapedForDisplay == shown)
        #expect(shown.escapedForDisplay == shown)
    }

    @Test func noScalarOfTheseKindsPasses() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isControl = value < 0x20 && value != 9 || (0x7F...0x9F).contains(value)
            let isOverride =
                [0x200E, 0x200F, 0x061C].contains(value) || (0x202A...0x202E).contains(value)
                || (0x2066...0x2069).contains(value)
                || (0xE0000...0xE007F).contains(value) && value & 0x7E != 0
                    && scalar.properties.generalCategory == .format
            guard isControl || isOverride else { continue }
            let shown = String(scalar).escapedForDisplay
            #expect(shown.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(value) is shown as it is")
        }
    }

    @Test func longLinesAreCut() {
        let long = String(repeating: "x", count: String.longestLine + 7)
        #expect(long.escapedParagraph == "\(long.dropLast(7)) … (7 more characters)")
        #expect("a\n\(long)\nb".escapedParagraph == "a\n  \(long.dropLast(7)) … (7 more characters)\n  b")
        #expect(String(repeating: "ü", count: String.longestLine).escapedParagraph.contains("…") == false)
        #expect(long.escapedData == long)
    }

    @Test func noTextFromOutsideStartsALine() {
        #expect("a\nsealift: done\n  kept\n".escapedParagraph == "a\n  sealift: done\n  kept\n")
        #expect("a\nb\u{1B}".escapedData == "a\nb\\u001b")
        let failure = Failure(
            .data, "read", "x\nsealift: all is well", because: "it says\nsealift: done\u{1B}[1A",
            remedy: "ask\nsealift: it")
        #expect(
            failure.description
                == "cannot read x\\nsealift: all is well: it says\n    sealift: done\\u001b[1A\n  → ask\n    sealift: it"
        )
    }

    @Test(
        arguments: [
            ([0x61, 0xFF, 0x62], "a\\xffb"), ([0xE2, 0x28, 0xA1], "\\xe2(\\xa1"),
            ([0xC0, 0xAF], "\\xc0\\xaf"),
            ([0xF0, 0x9F, 0x98], "\\xf0\\x9f\\x98"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
            ([0xC2, 0x9B], "\\u009b"), ([0xC3, 0xA9], "é"), ([], ""),
        ] as [([UInt8], String)])
    func bytesThatAreNotTextAreShown(_ bytes: [UInt8], _ shown: String) {
        #expect(String(displaying: bytes) == shown)
    }
}
