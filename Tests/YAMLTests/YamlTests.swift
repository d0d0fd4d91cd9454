// SPDX-License-Identifier: Apache-2.0
import YAML
import OCI
import Testing

/// The tree: what it says, where its parts are, and its bounds.
@Suite struct YamlTests {
    static func documents(_ text: String) throws -> [YAMLDocument] {
        try YAMLDocuments.all(SourceText(Array(text.utf8), path: "x.yaml"))
    }

    /// The bytes of the node at the end of the keys.
    static func written(_ text: String, _ keys: String...) throws -> String {
        var node = try #require(documents(text).first).root
        for key in keys { node = try #require(node[key]) }
        return String(decoding: Array(text.utf8)[node.range], as: UTF8.self)
    }

    @Test func rangesAreTheNodesOwnBytes() throws {
        let text =
            "\u{FEFF}# ümlaut €𝄞\r\na: &x !!str 'é'  # c\r\nb: {c: [1, \"2\"], d: *x}\r\nl: |\r\n  t\r\n\r\ne:\r\n"
        #expect(try Self.written(text, "a") == "'é'")
        #expect(try Self.written(text, "b") == "{c: [1, \"2\"], d: *x}")
        #expect(try Self.written(text, "b", "c") == "[1, \"2\"]")
        #expect(try Self.written(text, "b", "d") == "*x")
        #expect(try Self.written(text, "l").hasPrefix("|\r\n  t\r\n"))
        #expect(try Self.written(text, "e") == "")
        #expect(try Self.written("a: &m\n  # c\n  b: 1 # d\n# e\n", "a") == "b: 1")
        #expect(try Self.written("a: &m !!map\n- x\n", "a") == "- x")
        #expect(try Self.written("a: [&x , b]\n", "a") == "[&x , b]")
    }

    @Test func positionsCountCharactersFromOne() {
        let source = SourceText(Array("\u{FEFF}é\r\nab\rc\n".utf8), path: "x")
        #expect(source.position(of: 0) == SourcePosition(line: 1, column: 1))
        #expect(source.position(of: 3) == SourcePosition(line: 1, column: 1))
        #expect(source.position(of: 5) == SourcePosition(line: 1, column: 2))
        #expect(source.position(of: 8) == SourcePosition(line: 2, column: 2))
        #expect(source.position(of: 10) == SourcePosition(line: 3, column: 1))
        #expect(source.position(of: 12) == SourcePosition(line: 4, column: 1))
    }

    @Test func documentsKindsAndDoubledKeysAreSeen() throws {
        let all = try Self.documents("kind: A\nmetadata: {name: n}\n---\nkind: B\na: 1\n'a': 2\n---\n")
        #expect(all.map(\.kind) == ["A", "B", nil] && all.map(\.name) == ["n", nil, nil])
        #expect(all[1].root.doubledKeys.count == 1 && all[0].root.doubledKeys.isEmpty)
        #expect(all[2].root.scalarType == .null)
        #expect(try Self.documents("").isEmpty && Self.documents("# only a comment\n").isEmpty)
    }

    @Test func aliasesOfAliasesStaySmall() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...40 {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        text += "image: *a40\nspec: {x: 1}\n"
        let bytes = Array(text.utf8)
        #expect(try ImageScan.yaml(bytes, path: "x.yaml").references.isEmpty)
        let after = try Edit(remove: [FieldPath("spec.x")]).applied(to: bytes, path: "x.yaml")
        #expect(String(decoding: after, as: UTF8.self) == text.replacing("{x: 1}", with: "{}"))
    }

    @Test(arguments: [
        ("a: b: c\n", "x.yaml:1:5"), ("a:\n\t- b\n", "x.yaml:2:1"), ("a: é\nb: \"x\n", "x.yaml:3:1"),
        ("é: *nope\n", "x.yaml:1:4"), ("a: &a {b: *a}\n", "x.yaml:1:11"), ("a: \u{7}\n", "x.yaml:1:4"),
        ("\u{FEFF}a: @x\n", "x.yaml:1:4"), ("%YAML 3.0\n---\na\n", "x.yaml:1:1"),
    ])
    func errorsHaveLineAndColumn(text: String, place: String) {
        let failure = #expect(throws: Failure.self) { try Self.documents(text) }
        #expect(failure?.kind == .data && failure?.artifact == place, "\(failure?.description ?? "")")
        #expect(failure?.remedy.isEmpty == false)
    }

    @Test func boundsAreKept() {
        let deep = String(repeating: "[", count: 5_000)
        #expect(throws: Failure.self) { try Self.documents(deep) }
        #expect(throws: Failure.self) { try Self.documents(String(repeating: "- ", count: 5_000)) }
        #expect(throws: Failure.self) {
            try Self.documents("[" + String(repeating: "a,", count: 300_000) + "]")
        }
        let large = SourceText([UInt8](repeating: 0x20, count: YAMLDocuments.largestText + 1), path: "x")
        #expect(throws: Failure.self) { try YAMLDocuments.all(large) }
        #expect(throws: Failure.self) {
            try Self.documents(String(decoding: [0x61, 0x3A, 0xFF], as: UTF8.self) + "\u{0}")
        }
        #expect(throws: Failure.self) {
            try YAMLDocuments.all(SourceText([0xFF, 0xFE, 0x61, 0x00], path: "x"))
        }
    }

    @Test(arguments: [
        ("", YAMLScalarType.null), ("~", .null), ("Null", .null), ("yes", .bool), ("y", .bool),
        ("Off", .bool), ("0x1F", .int),
        ("017", .int), ("0b11", .int), ("0o17", .int), ("1_000", .int), ("190:20:30", .int), ("-1", .int),
        ("+12", .int),
        ("1.5", .float), ("1e3", .float), (".inf", .float), ("-.INF", .float), (".NaN", .float),
        ("1.", .float), (".5", .float),
        ("1:30.5", .float), ("2021-03-06", .special), ("2021-3-6T03:06:00Z", .special), ("<<", .special),
        ("=", .special),
        ("v1.20", .string), ("2.7.1", .string), ("1.2.3.4", .string), ("a:b", .string),
        ("sea.hub:5000", .string), ("-", .string),
        (".", .string), ("e3", .string), ("0x", .string), ("+", .string), ("1:99", .string), ("--1", .string),
        ("1e", .string),
    ])
    func plainScalarsHaveTheTypesOfYAML11(text: String, type: YAMLScalarType) {
        #expect(YAMLScalarType(plain: text) == type)
    }

    /// Each alias holds the one before it: written out, the value would be as deep as the chain is long.
    @Test func chainsOfAliasesAreBounded() {
        for length in [250, 100_000] {
            var text = "- &a0 x\n"
            for number in 1...length { text += "- &a\(number) [*a\(number - 1)]\n" }
            let refused = #expect(throws: Failure.self) {
                try YAMLDocuments.all(SourceText(Array(text.utf8), path: "chain.yaml"))
            }
            #expect(refused?.reason.contains("deeper") == true)
        }
        for text in [String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000)] {
            #expect(throws: Failure.self) {
                try YAMLDocuments.all(SourceText(Array(text.utf8), path: "deep.yaml"))
            }
            // What is passed over is not kept, and takes no more work for it.
            let index = Array("entries:\n  other:\n  - \(text)".utf8)
            let refused = #expect(throws: Failure.self) {
                try YAMLDocuments.values(
                    of: ["wanted"], below: "entries", in: SourceText(index, path: "index.yaml"))
            }
            #expect(refused?.reason.contains("deeper") == true)
        }
    }

    /// What a person reads who made the mistake: where it is, and what to do; no word of a parser's parts.
    @Test(arguments: [
        ("a:\n\tb: 1\n", "2:1", "a tab is where only spaces can be"),
        ("a: b: c\n", "1:5", "a ':' is where no key can be"),
        ("a: 1\n- b\n", "2:1", "neither a key of the mapping from line 1"),
        ("- a\nb: 1\n", "2:1", "neither an item of the list from line 1"),
        ("x: 1\ny\n", "3:1", "the line from line 2 has no ': '"),
        ("a: [1, 2\nb: 1\n", "2:2", "the '[' of line 1 is not closed"),
        ("a: {x: 1\nb: 2\n", "2:2", "the '{' of line 1 is not closed"),
        ("a: 'x\nb: 1\n", "3:1", "the quote of line 1 is not closed"),
        ("a: [b:{c}]\n", "1:6", "a ':' comes right before a bracket or a comma"),
        ("a: @x\n", "1:4", "a value cannot begin with '@'"),
        ("a: *\n", "1:5", "marks of aliases and anchors"),
        ("a: \"\\q\"\n", "1:5", "a backslash comes before what it cannot escape"),
        ("a: - b\n", "1:4", "an item of a list is where none can be"),
        ("{a: 1}\nb\n", "2:1", "more comes after the end of the document"),
        ("a: ]\n", "1:4", "a value is missing"),
        ("a: |x\n b\n", "1:5", "text comes right after"),
    ])
    func mistakesAreSaidInPlainWords(_ text: String, place: String, words: String) throws {
        let failure = #expect(throws: Failure.self) {
            try YAMLDocuments.all(SourceText(Array(text.utf8), path: "f.yaml"))
        }
        #expect(failure?.artifact == "f.yaml:\(place)")
        #expect(failure?.reason.contains(words) == true, "\(failure!)")
        #expect(!"\(failure!)".contains("token") && !"\(failure!)".contains("while "), "\(failure!)")
    }
}
