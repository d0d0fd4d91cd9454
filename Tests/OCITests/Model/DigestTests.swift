// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@Suite struct DigestTests {
    @Test func hashesAsFIPS180Says() throws {
        let abc = Digest(of: Array("abc".utf8))
        #expect(abc.description == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(try Digest(abc.description) == abc)
        #expect(Digest(bytes: abc.bytes) == abc)
    }

    @Test(arguments: [
        "", "sha256:", "sha256:../../x", "sha512:" + String(repeating: "a", count: 64),
        "sha256:" + String(repeating: "A", count: 64), "sha256:" + String(repeating: "a", count: 63),
        "sha256:" + String(repeating: "a", count: 65), String(repeating: "a", count: 64),
    ])
    func refusesWhatIsNotADigest(text: String) {
        #expect(throws: Failure.self) { try Digest(text) }
    }
}
