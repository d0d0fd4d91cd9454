// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing
import YAML

/// Lists and mappings as values, and what comes to the end of a list.
@Suite struct EditListTests {
    static func edit(_ text: String, _ change: Edit.Change, _ path: String) throws -> String {
        String(decoding: try Edit([change]).applied(to: Array(text.utf8), path: path), as: UTF8.self)
    }

    @Test(arguments: [
        ("a: 1 # c\nb: 2\n", "a", "[\"x\", 1]", "a: [\"x\", 1] # c\nb: 2\n"),
        ("a:\n  b: 1\n  c: 2\nd: 3\n", "a", "{}", "a: {}\nd: 3\n"),
        ("a:\n- 1\n- 2\n# c\nb: 1\n", "a", "[3]", "a: [3]\n# c\nb: 1\n"),
        ("a: [1, 2] # c\n", "a", "{\"k\": [true]}", "a: {\"k\": [true]} # c\n"),
        ("l:\n- a: 1\n  b: 2\n- c\n", "l[0]", "[1]", "l:\n- [1]\n- c\n"),
        ("a:\nb: 1\n", "a", "[1]", "a: [1]\nb: 1\n"), ("b: 1\n", "a", "[1]", "b: 1\na: [1]\n"),
    ])
    func setsWholeValuesInYAML(before: String, key: String, json: String, after: String) throws {
        #expect(try Self.edit(before, .set(FieldPath(key), .json(json)), "x.yaml") == after)
    }

    @Test func setsWholeValuesInJSON() throws {
        let before = "{\n  \"a\": {\"b\": 1},\n  \"c\": 2\n}\n"
        #expect(
            try Self.edit(before, .set(FieldPath("a"), .json("[1]")), "x.json")
                == "{\n  \"a\": [1],\n  \"c\": 2\n}\n")
        #expect(
            try Self.edit(before, .set(FieldPath("d"), .json("{\"e\": []}")), "x.json")
                == "{\n  \"a\": {\"b\": 1},\n  \"c\": 2,\n  \"d\": {\"e\": []}\n}\n")
    }

    @Test(arguments: [
        ("a: [1, 2] # c\n", "x", "a: [1, 2, \"x\"] # c\n"), ("a: []\n", "x", "a: [\"x\"]\n"),
        ("a:\n- 1\n- 2 # two\nb: 1\n", "x", "a:\n- 1\n- 2 # two\n- x\nb: 1\n"),
        ("a:\n  - k: 1\n    l: 2\nb: 1\n", "y: z", "a:\n  - k: 1\n    l: 2\n  - 'y: z'\nb: 1\n"),
        ("b: 1\n", "x", "b: 1\na: [\"x\"]\n"), ("a:\nb: 1\n", "x", "a: [\"x\"]\nb: 1\n"),
        ("a:\n- |\n  t\nb: 1\n", "x", "a:\n- |\n  t\n- x\nb: 1\n"),
    ])
    func appendsInYAML(before: String, value: String, after: String) throws {
        #expect(try Self.edit(before, .append(FieldPath("a"), .text(value)), "x.yaml") == after)
    }

    @Test(arguments: [
        ("{\"a\": [\n  \"x\",\n  \"y\"\n]}\n", "{\"a\": [\n  \"x\",\n  \"y\",\n  \"z\"\n]}\n"),
        ("{\"a\": []}", "{\"a\": [\"z\"]}"), ("{}", "{\"a\": [\"z\"]}"),
        ("{\"a\": [1]}", "{\"a\": [1, \"z\"]}"),
    ])
    func appendsInJSON(before: String, after: String) throws {
        #expect(try Self.edit(before, .append(FieldPath("a"), .text("z")), "x.json") == after)
    }

    @Test(arguments: ["a: x\n", "a: {b: 1}\n", "a: &x [1]\nb: *x\n", "c: {}\n---\nd: {}\n"])
    func refusesWhatIsNoListOfItsOwn(text: String) {
        #expect(throws: Failure.self) { try Self.edit(text, .append(FieldPath("a"), .text("z")), "x.yaml") }
    }

    @Test func aScalarDoesNotReplaceAList() {
        #expect(throws: Failure.self) {
            try Self.edit("a: [1]\n", .set(FieldPath("a"), .text("z")), "x.yaml")
        }
    }
}
