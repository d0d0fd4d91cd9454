// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import Build
@testable import Sealer

@Suite struct SealerImageTests {
    @Test func scalarsAreWrittenAsSealerWritesThem() throws {
        let cases = try GoldenCases.load().yamlScalars
        #expect(cases.count == 36)
        for item in cases {
            var image = SealerImage()
            image.kind = ""
            image.commands.current = [item.value]
            #expect(String(decoding: image.storeYAML, as: UTF8.self) == item.yaml, "\(item.value)")
        }
    }

    @Test func workedIDs() throws {
        let cases = try GoldenCases.load().images
        let inputs = try GoldenCases.inputs()
        #expect(cases.map(\.id).first == "7524e73ace80a48c588d52d446c73525bd39044567b24ac6467b24310989f063")
        #expect(cases.count == 3)
        for (item, input) in zip(cases, inputs) {
            let image = try SealerImage(config: input, artifact: "golden")
            #expect(String(decoding: image.storeYAML, as: UTF8.self) == item.yaml)
            #expect(image.identified().id == item.id)
            #expect(
                try SealerImage(storeYAML: image.identified().storeYAML, artifact: "again")
                    == image.identified())
        }
    }

    @Test func configIsReadAndWrittenToTheLastByte() throws {
        for name in [
            "push/config.json", "base-image/b15409c4e1b60f9d3dcdf46da881455f444815863282bd396396c77bb209af77",
        ] {
            let bytes = try GoldenCases.bytes(name)
            let image = try SealerImage(config: bytes, artifact: name)
            #expect(image.configJSON == bytes)
            // The id of the base image does not follow from its content: it is kept as it was given.
            #expect((image.computedID == image.id) == name.hasPrefix("push"))
            #expect(image.layerIDs.count == 4)
        }
    }

    @Test func theClusterfileFollowsTheName() throws {
        let cases = try GoldenCases.load().images
        let first = try SealerImage(storeYAML: Array(cases[0].yaml.utf8), artifact: "golden")
        #expect(first.annotations[SealerImage.clusterfileKey] == SealerImage.clusterfile(image: first.name))
        let renamed = first.identified().renamed(to: try Reference("example.com:5000/a/b:c"))
        #expect(renamed.name == "example.com:5000/a/b:c")
        #expect(
            renamed.annotations[SealerImage.clusterfileKey] == SealerImage.clusterfile(image: renamed.name))
        #expect(renamed.id == "")
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{}", #"{"kind":"Image"}"#, #"{"kind":"Image","spec":[]}"#,
        #"{"kind":"Cluster","spec":{}}"#, #"{"kind":"Image","spec":{"id":"../../x"}}"#,
        #"{"kind":"Image","spec":{"layers":[{"id":"sha256:../../x"}]}}"#,
        #"{"kind":"Image","spec":{"layers":[{"id":"md5:00"}]}} "# + "x",
        String(repeating: "[", count: 100_000), #"{"kind":"Image\ud800","spec":{}}"#, "{\"a\":\"\u{1}\"}",
        #"{"kind":"Image","spec":{}}{}"#, #"{"a":01}"#, #"{"a":1.}"#, #"{"a":+1}"#, #"{"a" 1}"#,
        #"{"a":"\x"}"#,
    ])
    func hostileConfigsAreRefused(_ text: String) {
        #expect(throws: Failure.self) { try SealerImage(config: Array(text.utf8), artifact: "hostile") }
    }

    @Test func hostileYAMLIsRefused() {
        let deep = String(repeating: "- ", count: 5_000) + "x"
        for text in ["", "a: &x [*x]", "kind: Image\nspec: {id: ../x}", deep, "\u{0}", "? [a]\n: b"] {
            #expect(throws: Failure.self) {
                try SealerImage(storeYAML: Array(text.utf8), artifact: "hostile")
            }
        }
    }

    @Test func mutatedDocumentsNeverCrash() throws {
        let config = try GoldenCases.bytes("push/config.json")
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = config
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            if let image = try? SealerImage(config: bytes, artifact: "mutated") {
                _ = try? SealerImage(storeYAML: image.storeYAML, artifact: "mutated")
            }
            _ = try? SealerImage(storeYAML: bytes, artifact: "mutated")
        }
    }

    @Test(arguments: [
        ("0x1F", false), ("0o17", false), ("017", false), ("08", false), ("1_000", false), ("+12", false),
        ("--1", true),
        ("0b11", false), ("-0b11", false), (".5", false), (".", true), (".inf", false), ("1.", false),
        ("1e999", true), ("18446744073709551615", false), ("99999999999999999999", false), ("v1", true),
        ("1.2.3", true),
        ("2001-1-1", false), ("2001-02-30", true), ("2001-01-01T10:00:00Z", false),
        ("2001-01-01 10:00:00", false),
        ("190:20:30.15", false), ("1:60", true), ("<<", true), ("~", false), ("NULL", false), ("nULL", true),
        ("+", true), ("0x", true), ("1e3", false), ("1ee3", true), ("٣", true),
    ])
    func plainTextThatMeansSomethingElse(_ text: String, _ isString: Bool) {
        #expect(GoYAMLScalar.isString(text) == isString, "\(text)")
    }

    @Test func keysAreInNaturalOrder() {
        let sorted = ["a", "B", "A10", "A9", "_", "1", "a1", "A09", "A9b", "10", "9", "a b"]
            .sorted(by: Tree.naturallyPrecedes)
        #expect(sorted == ["_", "1", "9", "10", "A9", "A9b", "A09", "A10", "B", "a", "a b", "a1"])
    }

    /// Aliases and merged mappings are written out, as Go's readers do; what they repeat is bounded.
    @Test func yamlOfMarksIsWrittenOut() throws {
        let text = "a: &a {x: 1, y: ~}\nb: {<<: *a, x: '~'}\nc: [*a]\nd: {<<: [*a, {z: &z q}], '<<': *z}\n"
        let tree = try Tree(yaml: Array(text.utf8), artifact: "f")
        #expect(tree["b"]?["x"] == .string("~") && tree["b"]?["y"] == .null)
        #expect(tree["c"]?.elements.first?["x"] == .string("1"))
        #expect(tree["d"]?["z"] == .string("q") && tree["d"]?["<<"] == .string("q"))
        let rows = (1..<30).map { "r\($0): &r\($0) [*r\($0 - 1), *r\($0 - 1)]\n" }
        let bomb = "r0: &r0 [x]\n" + rows.joined()
        let failure = #expect(throws: Failure.self) { try Tree(yaml: Array(bomb.utf8), artifact: "f") }
        #expect(failure?.kind == .data && failure?.artifact.hasPrefix("f:") == true, "\(failure!)")
    }
}
