// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import FoundationEssentials
import OCI
import Testing

@testable import sealift

/// What becomes of a failure: an exit code, an event.
@Suite struct FailureTests {
    @Test func exitCodesAreThoseOfTheReadme() throws {
        let codes: [(Failure.Kind, Int32)] = [
            (.usage, 64), (.data, 65), (.input, 66), (.unavailable, 69), (.fault, 70), (.space, 73),
            (.io, 74),
            (.busy, 75), (.denied, 77), (.configuration, 78),
        ]
        for (kind, code) in codes { #expect(kind.exitCode == code) }
        #expect(Set(codes.map(\.1)).count == codes.count)
    }

    /// What every error shows: what failed, on what, why, and what to do next.
    @Test(arguments: Failure.Kind.allCases) func everyKindAdvises(_ kind: Failure.Kind) throws {
        let bare = Failure(kind, "read", "x.sealift", because: "it is short")
        let lines = "\(bare)".split(separator: "\n")
        #expect(lines.first == "cannot read x.sealift: it is short")
        #expect(lines.dropFirst() == ["  → \(kind.advice)"])
        #expect(kind.advice.first?.isLowercase == true && kind.advice.last != ".")
        #expect(try JSONSerialization.dictionary(JSONEvent(bare))["remedy"] == kind.advice)
        let own = Failure(kind, "read", "x.sealift", because: "it is short", remedy: "copy it")
        #expect("\(own)".hasSuffix("\n  → copy it"))
    }

    @Test func anEventOfAFailureHasAllFourParts() throws {
        let failure = Failure(.data, "read", "x.sealift", because: "it is short", remedy: "copy it again")
        let event = try JSONSerialization.dictionary(JSONEvent(failure))
        #expect(event["event"] == "failure")
        #expect(event["name"] == "x.sealift")
        #expect(event["text"] == "read: it is short")
        #expect(event["remedy"] == "copy it again")
        #expect(event["kind"] == "data")
        #expect(event["exitCode"] == "65")
        #expect(event["total"] == nil, "what is not known is left out")
    }
}

/// The members of an encoded value as text.
private enum JSONSerialization {
    struct Scalar: Decodable {
        let text: String
        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let number = try? value.decode(Int64.self) {
                text = "\(number)"
            } else {
                text = try value.decode(String.self)
            }
        }
    }
    static func dictionary(_ value: some Encodable) throws -> [String: String] {
        try JSONDecoder().decode([String: Scalar].self, from: JSONEncoder().encode(value)).mapValues(\.text)
    }
}
