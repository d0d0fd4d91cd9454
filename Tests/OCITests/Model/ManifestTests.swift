// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@Suite struct ManifestTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)
    static func blob(_ size: String = "7") -> String {
        #"{"mediaType":"x/y","digest":"\#(digest)","size":\#(size)}"#
    }

    static func parse(_ text: String, type: String? = nil) throws -> Manifest {
        try Manifest(parsing: Array(text.utf8), type: type, artifact: "test")
    }

    @Test func readsAnImageWithoutMediaType() throws {
        let text = #"{"schemaVersion":2,"config":\#(Self.blob()),"layers":[\#(Self.blob())]}"#
        let manifest = try Self.parse(text, type: MediaType.manifest)
        #expect(manifest.descriptor.mediaType == MediaType.manifest)
        #expect(manifest.descriptor.size == Int64(text.utf8.count))
        #expect(manifest.children.count == 2)
    }

    @Test(arguments: [
        #"{"schemaVersion":2,"manifests":[],"config":\#(blob()),"layers":[]}"#,
        #"{"schemaVersion":1,"manifests":[]}"#, #"{"schemaVersion":2}"#, "[]", "", "null",
        #"{"schemaVersion":2,"config":\#(blob("-1")),"layers":[]}"#,
        #"{"schemaVersion":2,"config":\#(blob("9223372036854775808")),"layers":[]}"#,
        #"{"schemaVersion":2,"config":\#(blob("1.5")),"layers":[]}"#,
        #"{"schemaVersion":2,"mediaType":"text/html","manifests":[]}"#,
    ])
    func refusesWhatIsAmbiguousOrMalformed(text: String) {
        #expect(throws: Failure.self) { try Self.parse(text) }
    }

    @Test func refusesAnotherTypeThanPromised() {
        let text = #"{"schemaVersion":2,"mediaType":"\#(MediaType.index)","manifests":[]}"#
        #expect(throws: Failure.self) { try Self.parse(text, type: MediaType.dockerList) }
    }

    /// What few manifests have is for Foundation's decoder; both read the same of what they share.
    @Test(arguments: [
        (#""digest""#, #""annotations":{},"digest""#), (#""digest""#, #""urls":[],"digest""#),
        (#""digest""#, #""artifactType":"a/b","digest""#), (#""digest""#, #""data":"","digest""#),
        (#""x/y""#, #""x\/y""#), (#""size":7"#, #""size":7.0"#), (#""linux""#, #""linu\u0078""#),
        (#""os":"linux""#, #""os":"linux","os.version":"1""#),
        (#""os":"linux""#, #""os":"linux","variant":null"#),
    ])
    func bothReadersReadTheSame(plain: String, rare: String) throws {
        let own =
            #"{"mediaType":"x/y","digest":"\#(Self.digest)","size":7,"platform":{"architecture":"arm64","os":"linux"}}"#
        for text in [
            #"{"schemaVersion":2,"artifactType":"q/r","config":\#(Self.blob()),"layers":[\#(Self.blob())],"subject":\#(own)}"#,
            #"{"schemaVersion":2,"manifests":[\#(own),\#(own)]}"#,
        ] where text.contains(plain) {
            let (one, other) = (try Self.parse(text), try Self.parse(text.replacing(plain, with: rare)))
            #expect(one.children.map(\.digest) == other.children.map(\.digest))
            #expect(one.children.map(\.size) == other.children.map(\.size))
            #expect(one.children.map(\.mediaType) == other.children.map(\.mediaType))
            #expect(one.children.map(\.platform?.value) == other.children.map(\.platform?.value))
            #expect(one.subject?.digest == other.subject?.digest)
            #expect(one.artifactType == other.artifactType)
        }
    }

    @Test func verifiesEveryByte() throws {
        let bytes = Array("some content".utf8)
        let right = Descriptor(mediaType: "x/y", of: bytes)
        func read(_ given: [UInt8], _ descriptor: Descriptor) throws {
            var stream = VerifyingStream(MemoryStream(given), descriptor: descriptor, artifact: "test")
            #expect(try stream.readAll(limit: 100, artifact: "test") == given)
        }
        try read(bytes, right)
        #expect(throws: Failure.self) { try read(bytes.dropLast(), right) }
        #expect(throws: Failure.self) { try read(bytes + [0], right) }
        var flipped = bytes
        flipped[3] ^= 1
        #expect(throws: Failure.self) { try read(flipped, right) }
    }
}
