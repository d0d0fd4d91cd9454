// SPDX-License-Identifier: Apache-2.0
import Spec
import Foundation
import OCI
import TestSupport
import Testing

/// The JSON Schema for editors agrees with the reader, said by Debian's python3-jsonschema.
@Suite struct SpecSchemaTests {
    struct Given: Encodable {
        let schema: String
        let specs: [String]
    }

    static func verdicts(_ specs: [String]) throws -> [Bool] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let schema = SpecReaderTests.root.appending(path: "bundles/spec.schema.json")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = [folder.appending(path: "spec_schema.py").path()]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let given = Given(schema: try String(contentsOf: schema, encoding: .utf8), specs: specs)
        let bytes = try JSONEncoder().encode(given)
        Thread {
            try? input.fileHandleForWriting.write(contentsOf: bytes); try? input.fileHandleForWriting.close()
        }.start()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0, "Debian's python3-jsonschema and python3-yaml are needed")
        return try JSONDecoder().decode([Bool].self, from: said)
    }

    @Test func itTakesWhatTheReaderTakes() throws {
        let shipped = try String(contentsOfFile: SpecReaderTests.shipped, encoding: .utf8)
        let split = try String(
            contentsOf: SpecReaderTests.root.appending(path: "bundles/kubernetes-rawdocker-basefs.yaml"),
            encoding: .utf8)
        #expect(try Self.verdicts([split]) == [true])
        #expect(
            try Self.verdicts([shipped, SpecReaderTests.forms, SpecErrorTests.good]) == [true, true, true])
    }

    /// Every spec that is shipped, and those that `init` writes, are taken by both.
    @Test func bothTakeEveryShippedSpec() throws {
        let folders = ["bundles", "Sources/sealift/FirstSpecs"].map {
            SpecReaderTests.root.appending(path: $0).path
        }
        var texts: [String] = []
        for folder in folders {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            where name.hasSuffix(".yaml") {
                let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
                _ = try SpecReader.read(Array(text.utf8), path: "\(folder)/\(name)")
                texts.append(text)
            }
        }
        #expect(texts.count >= 9)
        #expect(try Self.verdicts(texts).allSatisfy { $0 })
    }

    /// What specs can say that no shipped one says.
    @Test func bothTakeEveryKey() throws {
        let digest = String(repeating: "a", count: 128)
        let text = """
            version: 1
            name: all
            platforms: [linux/amd64, linux/arm64]
            files:
              a: { url: "https://a.example/a", sha512: "sha512:\(digest)" }
              b: { url: "https://a.example/{arch}", sha512: { linux/amd64: \(digest), linux/arm64: \(digest) } }
              c: { url: "https://a.example/c", sha512sums: "https://a.example/SHA512SUMS" }
            images:
              - { image: 'one:1', platforms: linux/amd64 }
              - { image: 'two:1', platforms: [linux/amd64, linux/arm64], attached: sboms }
            imagesFrom: [a, { file: b, members: [deploy/*.yaml, x] }, { file: c }]

            """
        _ = try SpecReader.read(Array(text.utf8), path: "all.yaml")
        let one = text.replacing(
            "[a, { file: b, members: [deploy/*.yaml, x] }, { file: c }]", with: "{ file: a, members: x }")
        _ = try SpecReader.read(Array(one.utf8), path: "all.yaml")
        let included = "version: 1\nname: x\ninclude: a.yaml\n"
        #expect(try Self.verdicts([text, one, included, "version: 1\nimages: ['a:1']\n"]).allSatisfy { $0 })
        let wrong = [
            ("imagesFrom: [a,", "imagesFrom: [./a,"), ("file: b, members", "file: b, member"),
            ("{ file: c }", "{ members: x }"),
            ("platforms: linux/amd64 }", "platforms: linux }"),
            ("platforms: linux/amd64 }", "platforms: [] }"),
            ("sha512: \"sha512:", "sha256: x, sha512: \""), ("\(digest)\"", "a\""),
            ("c\", sha512sums", "c\", sha256sums: 'https://a.example/S', sha512sums"),
            ("files:\n", "include: []\nfiles:\n"), ("files:\n", "include: { a: b }\nfiles:\n"),
            ("platforms: [linux/amd64, linux/arm64]\n", ""),
        ].map { text.replacing($0.0, with: $0.1, maxReplacements: 1) }
        for (spec, verdict) in zip(wrong, try Self.verdicts(wrong)) {
            #expect(spec != text && !verdict, "the schema takes \(spec)")
            #expect(throws: Failure.self, "the reader takes \(spec)") {
                try SpecReader.read(Array(spec.utf8), path: "all.yaml")
            }
        }
    }

    /// A schema knows no references and no counting across keys; all other mistakes it must see.
    @Test func itRefusesWhatTheReaderRefusesForItsForm() throws {
        let forms = [
            "unknown key", "expected", "has no '", "relative to the context", "exactly one of",
            "begins with https",
            "holds credentials", "needs 'remove'",
        ]
        let beyond = ["listed twice", "means none", "neither the base", "a Kubefile begins"]
        let cases = (SpecErrorTests.sections + SpecErrorTests.values + SpecErrorTests.builds).filter {
            piece in
            forms.contains { piece.3.contains($0) } && !beyond.contains { piece.3.contains($0) }
                && !piece.3.contains("is no image reference")
        }
        let specs = try cases.map { piece in
            let range = try #require(SpecErrorTests.good.firstRange(of: piece.0))
            return SpecErrorTests.good.replacingCharacters(in: range, with: piece.1)
        }
        #expect(specs.count > 25)
        for (verdict, piece) in zip(try Self.verdicts(specs), cases) {
            #expect(!verdict, "the schema takes \(piece.1)")
        }
    }
}
