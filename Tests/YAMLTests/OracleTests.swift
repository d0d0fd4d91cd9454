// SPDX-License-Identifier: Apache-2.0
import Foundation
import YAML
import OCI
import TestSupport
import Testing

/// Random Kubernetes-like files, edited and rewritten; PyYAML says whether only the meant value changed.
@Suite struct OracleTests {
    struct Case: Encodable {
        var kind: String
        var before: String
        var after: String
        var document = 0
        var path: [Part] = []
        var value: String?
        var count = 0
    }

    enum Part: Encodable {
        case key(String), index(Int)
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .key(let key): try container.encode(key)
            case .index(let index): try container.encode(index)
            }
        }
    }

    /// What PyYAML says against the cases; empty when it agrees with all.
    static func disagreements(_ cases: [Case]) throws -> String {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "oracle.py").path()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = [script]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let writer = Thread {
            try? input.fileHandleForWriting.write(contentsOf: (try? JSONEncoder().encode(cases)) ?? Data())
            try? input.fileHandleForWriting.close()
        }
        writer.start()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "PyYAML (Debian's python3-yaml) is needed")
        return String(decoding: said, as: UTF8.self)
    }

    /// Every field of a document: its path and the parts PyYAML needs.
    static func fields(_ node: YAMLNode, _ text: String = "", _ parts: [Part] = []) -> [(String, [Part])] {
        var all: [(String, [Part])] = []
        if case .mapping(let entries, _) = node.content {
            for entry in entries {
                guard let key = entry.key.text else { continue }
                let escaped = key.replacing(".", with: "\\.").replacing(":", with: "\\:")
                let path = text.isEmpty ? escaped : "\(text).\(escaped)"
                all.append((path, parts + [.key(key)]))
                all += fields(entry.value, path, parts + [.key(key)])
            }
        }
        if case .sequence(let items, _) = node.content {
            for (index, item) in items.enumerated() {
                all += fields(item, "\(text)[\(index)]", parts + [.index(index)])
            }
        }
        return all
    }

    @Test func editsChangeWhatWasMeantAndNothingElse() throws {
        var random = SeededNumbers(7)
        var cases: [Case] = []
        var refused = 0
        for round in 0..<120 {
            let text = RandomYaml.file(&random, documents: 1, lineBreak: round % 4 == 0 ? "\r\n" : "\n")
            let source = SourceText(Array(text.utf8), path: "r.yaml")
            let root = try #require(YAMLDocuments.all(source).first).root
            for (path, parts) in Self.fields(root).shuffled(using: &random).prefix(8) {
                let value = ["new", "yes", "1.20", "a: b", "#x", "", " é\t", "it's", "sea.hub:5000"]
                    .randomElement(using: &random)!
                let remove = Bool.random(using: &random)
                let fresh = !remove && Bool.random(using: &random) && !path.hasSuffix("]")
                var (target, place) = (path, parts)
                if fresh {
                    target = (path.split(separator: ".").dropLast() + ["fresh"]).joined(separator: ".")
                    place[place.count - 1] = .key("fresh")
                    guard !path.contains("\\") else { continue }
                }
                let change: Edit.Change =
                    remove ? .remove(try FieldPath(target)) : .set(try FieldPath(target), .text(value))
                do throws(Failure) {
                    let after = try Edit([change]).applied(to: source.bytes, path: "r.yaml")
                    cases.append(
                        Case(
                            kind: remove ? "remove" : "set", before: text,
                            after: String(decoding: after, as: UTF8.self),
                            path: place, value: remove ? nil : value))
                    if case .remove = change {
                        #expect(Self.isSubsequence(after, of: source.bytes, but: "{}"))
                    }
                } catch {
                    #expect(error.kind == .configuration, "\(error)")
                    refused += 1
                }
            }
        }
        #expect(cases.count > 500 && refused * 3 < cases.count, "\(cases.count) made, \(refused) refused")
        let said = try Self.disagreements(cases)
        #expect(said.isEmpty, "\(said.prefix(2_000))")
    }

    /// Whether a removal only took bytes away (or left `{}` in their place).
    static func isSubsequence(_ after: [UInt8], of before: [UInt8], but extra: String) -> Bool {
        let head = zip(after, before).prefix { $0 == $1 }.count
        let tail = zip(after.dropFirst(head).reversed(), before.dropFirst(head).reversed()).prefix {
            $0 == $1
        }.count
        let middle = after[head..<(after.count - tail)]
        return middle.allSatisfy { extra.utf8.contains($0) }
    }

    @Test func rewritesLeadEveryReferenceAndNothingElse() throws {
        var random = SeededNumbers(11)
        var cases: [Case] = []
        var total = 0
        for round in 0..<60 {
            let text = RandomYaml.file(&random, documents: 5, lineBreak: round % 3 == 0 ? "\r\n" : "\n")
            let scan = try ImageScan.yaml(Array(text.utf8), path: "r.yaml")
            #expect(scan.unreadable.isEmpty)
            total += scan.references.count
            let after = String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
            cases.append(
                Case(
                    kind: "rewrite", before: text, after: after,
                    count: scan.references.filter { $0.reference.domain != "sea.hub:5000" }.count))
        }
        #expect(total > 300, "\(total)")
        let said = try Self.disagreements(cases)
        #expect(said.isEmpty, "\(said.prefix(2_000))")
    }

    /// A file of the operator's size: CRDs without end, and one image.
    @Test func aLargeOperatorFileIsRewrittenInPlace() throws {
        var text = ""
        for crd in 0..<12 {
            text +=
                "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: c\(crd)\nspec:\n  schema:\n"
            for field in 0..<400 {
                text +=
                    "    f\(field):\n      description: 'Image of this: a/b:1, é # not a comment'\n      type: string # c\n"
                text +=
                    "      image:\n        type: string\n      properties: {image: {type: string, x: [1, 2]}}\n"
            }
        }
        text += "---\n" + (try Fixture.text("tigera-operator.yaml"))
        let scan = try ImageScan.yaml(Array(text.utf8), path: "tigera-operator.yaml")
        #expect(scan.references.map(\.text) == ["quay.io/tigera/operator:v1.17.4"])
        let after = String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
        #expect(
            Array(after.utf8) == Array(text.replacing("quay.io/tigera", with: "sea.hub:5000/tigera").utf8))
    }

    @Test func seededMutationsNeverCrash() throws {
        var random = SeededNumbers(23)
        let files = try ["tigera-operator.yaml", "custom-resources.yaml", "daemon.json"].map(Fixture.bytes)
        var parsed = 0
        for round in 0..<900 {
            var mutant = files[round % 3]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<mutant.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: mutant[at] = UInt8.random(in: 0...255, using: &random)
                case 1: mutant.removeSubrange(at..<min(mutant.count, at + 30))
                case 2:
                    mutant.insert(
                        contentsOf: Array("&a *a !t |- {[ ]}:,\r\u{2028}é'\"".utf8).shuffled(using: &random)
                            .prefix(3), at: at)
                default: mutant.insert(contentsOf: mutant[at...].prefix(60), at: 0)
                }
            }
            let name = round % 3 == 2 ? "m.json" : "m.yaml"
            if let scan = try? ImageScan.yaml(mutant, path: name) {
                parsed += 1
                guard let after = try? scan.rewritten(to: "sea.hub:5000") else { continue }
                #expect((try? ImageScan.yaml(after, path: name))?.references.count == scan.references.count)
            }
            _ = try? ImageScan.imageList(mutant, path: "imageList")
            for path in ["mirror-registries", "spec.registry", "metadata.name"] {
                let path = try FieldPath(path)
                _ = try? Edit([.remove(path)]).applied(to: mutant, path: name)
                _ = try? Edit([.set(path, .text("sea.hub:5000"))]).applied(to: mutant, path: name)
            }
        }
        #expect(parsed > 100, "\(parsed)")
    }
}
