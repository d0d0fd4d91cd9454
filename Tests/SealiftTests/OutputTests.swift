// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import OCI
import Testing

@testable import BundleFormat
@testable import sealift

/// Trees, tables and events, for people and for programs.
@Suite struct OutputTests {
    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// What programs read: each field as it was given, and none that is not known.
    @Test func eventsHaveTheFieldsThatAreKnown() throws {
        #expect(try json(JSONEvent("note", text: "a \"b\"")) == #"{"event":"note","text":"a \"b\""}"#)
        #expect(
            try json(JSONEvent("progress", name: "fetch", done: 1, total: 2, speed: 3, secondsLeft: 4))
                == #"{"done":1,"event":"progress","name":"fetch","secondsLeft":4,"speed":3,"total":2}"#)
        #expect(
            try json(JSONEvent("waiting", name: "x", text: "429", seconds: 1.5))
                == #"{"event":"waiting","name":"x","seconds":1.5,"text":"429"}"#)
        var failure = JSONEvent(Failure(.busy, "lock", "s", because: "used", remedy: "wait"))
        failure.exitCode = 1
        #expect(
            try json(failure)
                == #"{"event":"failure","exitCode":1,"kind":"busy","name":"s","remedy":"wait","text":"lock: used"}"#
        )
    }

    @Test func eventsAreWordsUnderVerbose() {
        #expect(JSONEvent("started", name: "x", total: 2048).verbose == "x: begins, 2.0 KiB")
        #expect(JSONEvent("started", name: "x").verbose == "x: begins")
        #expect(JSONEvent("ended", name: "x").verbose == "x: done")
        for event in ["progress", "waiting", "note", "failure"] {
            #expect(JSONEvent(event, name: "x").verbose == nil, "what is shown anyway")
        }
        #expect(JSONEvent("ended").verbose == nil)
    }

    @Test func aProgressIsAnEvent() throws {
        var state = Progress.State(verb: "fetch", total: 100, done: 40, skipped: 0)
        state.speed = 7
        #expect(
            try json(ProgressRenderer(state).event)
                == #"{"done":40,"event":"progress","name":"fetch","secondsLeft":8,"speed":7,"total":100}"#)
        state.speed = 0
        #expect(
            try json(ProgressRenderer(state).event)
                == #"{"done":40,"event":"progress","name":"fetch","speed":0,"total":100}"#)
    }

    @Test func documentsNameTheirForm() throws {
        struct Value: Encodable { var z = 1, a = [2] }
        #expect(try json(JSONDocument(schema: "x/1", value: Value())) == #"{"a":[2],"schema":"x/1","z":1}"#)
        #expect(try Console.json(Value()) == Array("{\n  \"a\" : [\n    2\n  ],\n  \"z\" : 1\n}\n".utf8))
    }

    @Test func treesAreDrawn() {
        let tree = Tree(
            "top",
            children: [
                Tree("a", children: [Tree("a1", children: [Tree("deep")]), Tree("a2")]),
                Tree("b\u{1B}[2J", children: [Tree("b1")]),
            ])
        #expect(
            tree.lines.map(\.rendered) == [
                "top", "├── a", "│   ├── a1", "│   │   └── deep", "│   └── a2", "└── b\\u001b[2J",
                "    └── b1",
            ])
    }

    @Test func tablesOfChangesAreInColumns() {
        let (one, two) = (Digest(of: [1]), Digest(of: [2]))
        var table = DiffTable()
        #expect(table.summary == "nothing changed" && table.lines == [])
        table.add(Change("a", old: nil, new: one)!, more: "+1 KiB")
        table.add(Change("longer", old: one, new: two)!)
        table.add(Change("c", old: two, new: nil)!)
        table.add(Change(String(repeating: "n", count: 100), old: nil, new: one)!)
        let lines = table.lines
        #expect(table.summary == "2 added, 1 changed, 1 removed")
        #expect(lines[1].hasPrefix("~ longer ") && lines[1].hasSuffix("\(one.short) → \(two.short)"))
        #expect(lines[0].hasPrefix("+ a ") && lines[0].hasSuffix("  +1 KiB"))
        #expect(lines[3].contains(String(repeating: "n", count: 100)), "no name is cut")
        let columns = lines[..<3].map {
            $0.firstRange(of: one.short)?.lowerBound ?? $0.firstRange(of: two.short)!.lowerBound
        }
        #expect(Set(zip(columns, lines).map { $1.distance(from: $1.startIndex, to: $0) }).count == 1)
        #expect(lines.allSatisfy { !$0.hasSuffix(" ") })
    }
}
