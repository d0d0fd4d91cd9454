// SPDX-License-Identifier: Apache-2.0
import YAML
import OCI
import Testing

/// Edits, each compared with the exact bytes that must come out.
@Suite struct EditTests {
    static func edit(
        _ text: String, remove: [String] = [], set: [(String, Edit.Value)] = [], path: String = "x.yaml"
    ) throws -> String {
        var changes: [Edit.Change] = []
        for key in remove { changes.append(.remove(try FieldPath(key))) }
        for (key, value) in set { changes.append(.set(try FieldPath(key), value)) }
        return String(decoding: try Edit(changes).applied(to: Array(text.utf8), path: path), as: UTF8.self)
    }

    @Test func daemonJSONLosesOnlyTheMirrors() throws {
        let before = try Fixture.text("daemon.json")
        let after = try Self.edit(before, remove: ["mirror-registries"], path: "etc/daemon.json")
        let mirrors = """
              "mirror-registries": [
                {
                  "domain": "*",
                  "mirrors": [
                    "https://sea.hub:5000"
                  ]
                }
              ],

            """
        #expect(before.contains(mirrors))
        #expect(after == before.replacing(mirrors, with: ""))
    }

    @Test(arguments: [
        (#"{"a":1,"b":2,"c":3}"#, "a", #"{"b":2,"c":3}"#), (#"{"a":1,"b":2,"c":3}"#, "b", #"{"a":1,"c":3}"#),
        (#"{"a":1,"b":2,"c":3}"#, "c", #"{"a":1,"b":2}"#), (#"{ "a" : 1 }"#, "a", "{}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "b", "{\n  \"a\": 1\n}\n"),
        ("{\r\n\t\"a\": 1,\r\n\t\"b\": 2\r\n}\r\n", "a", "{\r\n\t\"b\": 2\r\n}\r\n"),
        (#"{"x":[{"a":{"b":1,"c":2}}]}"#, "x[0].a.b", #"{"x":[{"a":{"c":2}}]}"#),
        (#"{"a.b":1,"\u0061":2}"#, #"a\.b"#, #"{"\u0061":2}"#),
        (#"{"a.b":1,"\u0061":2}"#, "a", #"{"a.b":1}"#),
    ])
    func removesFromJSON(before: String, key: String, after: String) throws {
        #expect(try Self.edit(before, remove: [key], path: "x.json") == after)
    }

    @Test(arguments: [
        (#"{}"#, "a", Edit.Value.text("x"), #"{"a": "x"}"#),
        (#"{"b":1}"#, "a", .literal("3"), #"{"b":1, "a": 3}"#),
        ("{\n    \"b\": 1\n}", "a", .text("x\"y\n"), "{\n    \"b\": 1,\n    \"a\": \"x\\\"y\\n\"\n}"),
        (#"{"a": {"b": null}}"#, "a.b", .text("é"), #"{"a": {"b": "é"}}"#),
        (#"{"a": [1, 2]}"#, "a[1]", .literal("true"), #"{"a": [1, true]}"#),
    ])
    func setsInJSON(before: String, key: String, value: Edit.Value, after: String) throws {
        #expect(try Self.edit(before, set: [(key, value)], path: "x.json") == after)
    }

    @Test func theRegistryGoesIntoTheInstallation() throws {
        let before = try Fixture.text("custom-resources.yaml")
        for path in ["spec.registry", "Installation:spec.registry", "Installation/default:spec.registry"] {
            let after = try Self.edit(before, set: [(path, .text("sea.hub:5000"))])
            #expect(after == before + "  registry: sea.hub:5000\n")
        }
        let windows = before.replacing("\n", with: "\r\n")
        #expect(
            try Self.edit(windows, set: [("spec.registry", .text("sea.hub:5000"))])
                == windows + "  registry: sea.hub:5000\r\n")
    }

    @Test func amongSeveralDocumentsOneIsNamed() throws {
        let before = try Fixture.text("custom-resources.yaml")
        let two = before + "---\nkind: APIServer\nmetadata: {name: default}\nspec: {}\n"
        let failure = #expect(throws: Failure.self) {
            try Self.edit(two, set: [("spec.registry", .text("a"))])
        }
        #expect(
            failure?.reason
                == "several documents have it: Installation/default in line 2, APIServer/default in line 17")
        #expect(failure?.remedy == "name one of them, like Installation:spec.registry")
        #expect(
            try Self.edit(two, set: [("APIServer:spec.registry", .text("a"))])
                == two.replacing("spec: {}", with: "spec: {registry: a}"))
        #expect(
            try Self.edit(two, set: [("Installation:spec.registry", .text("a"))])
                == before + "  registry: a\n" + two.dropFirst(before.count))
    }

    @Test(arguments: [
        ("a: 1 # one\nb: 2 # two\n# end\n", "b", "a: 1 # one\n# end\n"),
        ("a: 1\nb:\n  c:\n  - d\n  - e\nf: 3", "b", "a: 1\nf: 3"), ("a: 1\nb: 2", "b", "a: 1\n"),
        ("a:\n  b: 1 # x\nc: 2\n", "a.b", "a:\n  {} # x\nc: 2\n"),
        ("- a: 1\n  b: 2\n", "[0].a", "- b: 2\n"), ("a: |\n  x\n\n\nb: 2\n", "a", "\n\nb: 2\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "a.c", "a: {b: 1, d: 3}\n"), ("a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n"),
        ("\u{FEFF}a: é\r\nb: ü\r\n", "a", "\u{FEFF}b: ü\r\n"), ("a: 1\nb:\n", "b", "a: 1\n"),
        ("x: &k\n  a: 1\n  b: 2\n", "x.a", "x: &k\n  b: 2\n"),
    ])
    func removesFromYAML(before: String, key: String, after: String) throws {
        let found = try Self.edit(before, remove: [key])
        #expect(Array(found.utf8) == Array(after.utf8))
    }

    @Test(arguments: [
        ("a: 'x' # c\n", "a", Edit.Value.text("y'z"), "a: 'y''z' # c\n"),
        ("a: \"x\"\n", "a", .text("y"), "a: \"y\"\n"),
        ("a: x\n", "a", .text("yes"), "a: 'yes'\n"), ("a: x\n", "a", .literal("3"), "a: 3\n"),
        ("a:   # c\n", "a", .text("1.20"), "a: '1.20'   # c\n"),
        ("a: x\n", "a", .text("1:30"), "a: '1:30'\n"),
        ("a: |\n  x\n  y\nb: 1\n", "a", .text("z"), "a: z\nb: 1\n"),
        ("a:\n  b: 1\n", "a.c", .text("x: y"), "a:\n  b: 1\n  c: 'x: y'\n"),
        ("a:\n  b: |+\n    t\n\n# c\nd: 1\n", "a.c", .text("x"), "a:\n  b: |+\n    t\n\n  c: x\n# c\nd: 1\n"),
        ("a:\nb: 1\n", "a.c", .text("x"), "a:\n  c: x\nb: 1\n"), ("a: 1", "b", .text("x"), "a: 1\nb: x"),
        ("l:\n- a: 1\n- a: 2\n", "l[0].b", .text("x"), "l:\n- a: 1\n  b: x\n- a: 2\n"),
        ("{a: 1,}\n", "b", .text("x,y"), "{a: 1, b: 'x,y',}\n"),
        ("a: é # ö\n", "b", .text("ü"), "a: é # ö\nb: ü\n"),
        ("a: &x !!str 1\n", "a", .text("two"), "a: &x !!str two\n"),
        ("l: [a, 'b']\n", "l[1]", .text("c"), "l: [a, 'c']\n"),
        ("a: 1\n", "b.c", .text("x"), "a: 1\nb: {\"c\": \"x\"}\n"),
        ("a: 1\n", "b.c", .literal("yes"), "a: 1\nb: {\"c\": true}\n"),
        (
            "a:\n  b: 1 # c\nd: 1\n", "a.e.f.g", .literal("3"),
            "a:\n  b: 1 # c\n  e: {\"f\": {\"g\": 3}}\nd: 1\n"
        ),
        ("kind: A\n---\nkind: B\n", "B:spec.x", .text("y"), "kind: A\n---\nkind: B\nspec: {\"x\": \"y\"}\n"),
    ])
    func setsInYAML(before: String, key: String, value: Edit.Value, after: String) throws {
        let found = try Self.edit(before, set: [(key, value)])
        #expect(Array(found.utf8) == Array(after.utf8), "\(found)")
    }

    @Test(arguments: [
        ("a: 1\n", "b.c", "there is no key 'b'; it has a"),
        ("spec: {x: 1}\n", "spce.x", "there is no key 'spce'; it has spec"),
        ("a: [1]\n", "a[1]", "there is no item 1; there is a list"),
        ("a: 1\na: 2\n", "a", "the key 'a' is there twice"),
        (
            "a: &x {b: 1}\nc: *x\n", "a.b",
            "it bears the anchor &x, and what refers to it would change with it"
        ),
        ("a: &x {b: 1}\nc: *x\n", "c.b", "it is the alias *x"),
        ("kind: A\n", "B:kind", "no document of it is B"),
    ])
    func refusesWhatItCannotDoAlone(text: String, key: String, reason: String) throws {
        let failure = #expect(throws: Failure.self) { try Self.edit(text, remove: [key]) }
        #expect(failure?.kind == .configuration)
        #expect(failure?.reason == reason)
        #expect(failure?.remedy.isEmpty == false)
    }

    /// Parents are made, unless something else is there, several documents could be meant, or a key is probably misspelt.
    @Test(arguments: [
        ("a: 1\n", "a.b.c", "there is no key 'b'; there is a number"),
        ("kind: A\n---\nkind: B\n", "bcd.c", "there is no key 'bcd'; it has kind"),
        ("l: [1]\n", "l[0].b.c", "there is no key 'b'; there is a number"),
        ("l: []\n", "l[0].b.c", "there is no item 0; there is a list"),
        ("a: {}\n", "a.b[0].c", "there is no key 'b'; it has "),
        ("mirrors: { gcr.io: {} }\n", "mirrors.'ghcr.io'.x", "there is no key 'ghcr.io'; it has gcr.io"),
    ])
    func makesNoParentsThere(text: String, key: String, reason: String) throws {
        for name in ["x.yaml", "x.yml"] {
            let failure = #expect(throws: Failure.self) {
                try Self.edit(text, set: [(key, .text("v"))], path: name)
            }
            #expect(
                failure?.kind == .configuration && failure?.reason == reason, "\(String(describing: failure))"
            )
        }
        #expect(
            try Self.edit(
                "{\n  \"a\": 1\n}\n", set: [("log-opts.max-size", .text("10m"))], path: "daemon.json")
                == "{\n  \"a\": 1,\n  \"log-opts\": {\"max-size\": \"10m\"}\n}\n")
    }

    @Test(arguments: [
        ("{\"a\": 1,}", "x.json:1:9", "expected a key in quotes, found '}'"),
        ("{\n  # c\n}", "x.json:2:3", "expected a key in quotes, found a comment, which JSON does not have"),
        (
            "{'a': 1}", "x.json:1:2",
            "expected a key in quotes, found a single quote: JSON has only double quotes"
        ),
        ("{\"a\": 01}", "x.json:1:8", "expected ',' or '}', found '1'"),
        ("", "x.json:1:1", "expected a value, found the end of the file"),
        ("{\"a\": \"é\n\"}", "x.json:1:9", "a control character in a string must be written as \\u"),
        ("{} {}", "x.json:1:4", "text follows the value"),
        ("{\"a\": 1.}", "x.json:1:9", "expected a digit, found '}'"),
    ])
    func namesTheFirstByteThatIsNotJSON(text: String, place: String, reason: String) throws {
        let failure = #expect(throws: Failure.self) { try Self.edit(text, remove: ["a"], path: "x.json") }
        #expect(failure?.kind == .data && failure?.artifact == place && failure?.reason == reason)
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a]b[0]c", ":a", "K/:a", "/n:a", "a:b:c", "a[0]b",
        "a[99999999999999999999]", "a.[0]",
    ])
    func refusesWhatIsNoPath(text: String) {
        #expect(throws: Failure.self) { try FieldPath(text) }
    }
}
