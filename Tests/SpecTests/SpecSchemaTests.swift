// SPDX-License-Identifier: Apache-2.0
import Spec
import Foundation
import OCI
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
        try process.run()
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
