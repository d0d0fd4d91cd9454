import Foundation
import OCI
import TestSupport
import Testing

/// Sizes, depths and counts from outside: refused beyond their bounds, never a trap.
@Suite struct BoundsTests {
    @Test(
        arguments: [
            [Int64.max, 1], [1 << 53], [-1], [Int64.min, Int64.min],
            Array(repeating: (1 << 53) - 1, count: 1025),
        ] as [[Int64]])
    func sumsOutOfBoundsThrow(_ sizes: [Int64]) {
        let failure = #expect(throws: Failure.self) { try sizes.byteTotal(of: "a test") { $0 } }
        #expect(failure?.kind == .data)
        _ = sizes.clampedTotal { $0 }
    }

    @Test func sumsWithinBoundsAreExact() throws {
        #expect(try [1, 2, (1 << 53) - 4].byteTotal(of: "a test") { Int64($0) } == (1 << 53) - 1)
        #expect([Int64.max, 5].clampedTotal { $0 } == .max)
    }

    @Test(arguments: [
        "-9223372036854775808", "-1", "+1", "9223372036854775807", "9223372036854775808", "9007199254740992",
        "", " 1", "1 ",
        "0x10", "1e3", "١",
    ])
    func whatIsNotASizeIsNone(_ text: String) { #expect(Int64(sizeFromOutside: text) == nil) }

    @Test(arguments: [("0", 0), ("007", 7), ("9007199254740991", (1 << 53) - 1)] as [(String, Int64)])
    func sizesAreRead(_ text: String, _ size: Int64) { #expect(Int64(sizeFromOutside: text) == size) }

    @Test func foldersAreNoDeeperThanTheirBound() {
        func path(_ depth: Int) -> [UInt8] {
            Array(repeatElement("a", count: depth).joined(separator: "/").utf8)
        }
        #expect(Folder.fault(in: path(512)) == nil)
        for depth in [513, 1600, 2000] {
            #expect(Folder.fault(in: path(depth))?.contains("512 folders") == true)
        }
    }

    /// What a program made folder by folder is deeper than any path; it is removed all the same.
    @Test func treesOfAnyDepthAreRemovedAndNotFollowed() throws {
        let scratch = try Scratch()
        let top = scratch.path
        try FileManager.default.createDirectory(atPath: top + "/tree", withIntermediateDirectories: true)
        let made = Process()
        made.executableURL = URL(filePath: "/usr/bin/python3")
        made.arguments = [
            "-c",
            "import os\nfor n in range(3000):\n open('f','w').close(); os.mkdir('d'); os.mkdir('e'); os.chmod('e', 0); os.chdir('d')",
        ]
        made.currentDirectoryURL = URL(filePath: top + "/tree")
        try made.start()
        made.waitUntilExit()
        #expect(made.terminationStatus == 0)
        try onOwnThread { () throws(Failure) in
            let refused = #expect(throws: Failure.self) { try Folder.open(top + "/tree").sizeOfFiles() }
            #expect(refused?.kind == .data)
            try removeTree(at: top + "/tree")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch("tree")))
    }

    @Test(
        arguments: [
            (Array("\u{FEFF}{}".utf8), "byte-order mark"),
            (Array("{}".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }), "UTF-8"),
            ([0xFF, 0xFE, 0x7B, 0, 0x7D, 0], "UTF-8"), (Array("{\"a\":1,\"a\":2}".utf8), "twice"),
            (Array(#"{"layers":[],"\u006cayers":[]}"#.utf8), "twice"),
            (Array(#"{"a":{"b":[{"c":1,"c":1}]}}"#.utf8), "twice"),
            (Array((String(repeating: "[", count: 100_000)).utf8), "deep"),
            (Array("{\"a".utf8), "closing quote"),
            (Array("]".utf8), "expected a value"), (Array("{\"\\".utf8), "backslash"),
            (Array("{\"\\u".utf8), "hexadecimal"),
        ] as [([UInt8], String)])
    func ambiguousJSONIsRefused(_ bytes: [UInt8], _ reason: String) {
        #expect(JSONText.fault(in: bytes)?.contains(reason) == true, "\(JSONText.fault(in: bytes) as Any)")
        #expect(throws: Failure.self) { try Manifest(parsing: bytes, type: nil, artifact: "a test") }
    }

    @Test(arguments: [
        #"{"a":{"x":1},"b":{"x":1},"c":["x","x"],"x":"{\"a\":1,\"a\":2}"}"#, "[]", #""a""#, "{}",
    ])
    func honestJSONPasses(_ text: String) { #expect(JSONText.fault(in: Array(text.utf8)) == nil) }

    @Test func manyValuesAreNotDecoded() throws {
        let list = "[" + String(repeating: "{},", count: 999) + "\"a,[{\\\",\"]"
        struct Item: Decodable {}
        func decode(_ most: Int) throws {
            _ = try JSONText.decode([Item?].self, from: Array(list.utf8), values: most)
        }
        let refused = #expect(throws: DecodingError.self) { try decode(1999) }
        #expect(Manifest.explain(try #require(refused)) == "it has more than 1999 values")
        try decode(2000)
        let layers = #"{"schemaVersion":2,"layers":["# + String(repeating: "{},", count: 300_000) + "{}]}"
        let failure = #expect(throws: Failure.self) {
            try Manifest(parsing: Array(layers.utf8), type: nil, artifact: "a test")
        }
        #expect(failure?.reason.contains("values") == true, "\(failure as Any)")
    }

    @Test func nestedManifestsDoNotOverflowTheStack() {
        for open in ["[", "{\"a\":", "{\"layers\":["] {
            let bytes = Array(String(repeating: open, count: 100_000).utf8)
            #expect(throws: Failure.self) { try Manifest(parsing: bytes, type: nil, artifact: "a test") }
        }
    }

    /// A host that gives no further thread is a failure of the work, not the end of the program.
    @Test func noFurtherThreadIsAFailure() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(2) }
            let failure = spawnThread {}
            do throws(Failure) { try onOwnThread { () throws(Failure) in } } catch {
                exit(failure?.kind == .busy && error.kind == .busy ? 0 : 3)
            }
            exit(4)
        }
    }
}
