// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import OCI
import Spec
import TestSupport
import Testing

@testable import Collect

/// The lock beside its spec, and how references are named on a command line.
@Suite struct LockFileTests {
    @Test(arguments: [
        ("x.yaml", "x.lock.json"), ("a/b/x.yml", "a/b/x.lock.json"), ("x", "x.lock.json"),
        ("x.yaml.yaml", "x.yaml.lock.json"), (".yaml", ".lock.json"), ("x.json", "x.json.lock.json"),
    ])
    func itIsBesideTheSpec(_ spec: String, _ lock: String) {
        #expect(LockFile(forSpec: spec).path == lock)
    }

    @Test func itIsWrittenAndReadBack() throws {
        let scratch = try Scratch()
        let file = LockFile(forSpec: scratch("x.yaml"))
        #expect(try file.load() == nil)
        let digest = Digest(of: [1])
        let lock = Lock(
            images: [],
            files: [.init(name: "a", platform: nil, url: "file:a", digest: digest, size: 1)])
        try file.save(lock)
        #expect(try file.load() == lock)
        try scratch.write("x.lock.json", "{}")
        let failure = #expect(throws: Failure.self) { try file.load() }
        #expect(failure?.kind == .configuration && failure?.artifact == file.path)
    }

    @Test(arguments: [
        ("docker.io/library/nginx:1.2", true), ("nginx:1.2", true), ("nginx", true), ("library/nginx", true),
        ("nginx:1.3", false), ("docker.io/library/nginx", true), ("nginx:", false), ("ginx", false),
        ("", false),
        ("quay.io/library/nginx:1.2", false), ("nginx:1.2@sha256:", false),
    ])
    func aReferenceGoesByTheseNames(_ name: String, _ isMeant: Bool) throws {
        #expect(try Reference("docker.io/library/nginx:1.2").goes(by: name) == isMeant)
    }

    /// What a spec takes from files is known only by its lock.
    @Test func imagesOfFilesAreThoseOfTheLock() throws {
        let scratch = try Scratch()
        try scratch.write(
            "x.yaml",
            """
            version: 1
            name: x
            platforms: [linux/amd64]
            files: { list: { text: "a/b:1" } }
            imagesFrom: list
            """)
        let parsed = try SpecReader.read(path: scratch("x.yaml"))
        let missing = #expect(throws: Failure.self) { try LockFile.completed(parsed) }
        #expect(missing?.kind == .configuration && missing?.remedy.contains("sealift lock") == true)
        let descriptor = Descriptor(mediaType: MediaType.manifest, of: [1])
        var image = Lock.Image(
            reference: try Reference("docker.io/a/b:1"), descriptor: descriptor, platforms: [], others: [])
        image.from = ["list"]
        var spare = image
        spare.reference = try Reference("docker.io/a/spare:1")
        spare.from = nil
        try LockFile(forSpec: parsed.path).save(Lock(images: [image, spare], files: []))
        let completed = try LockFile.completed(parsed).spec
        #expect(completed.images.map(\.familiar) == ["a/b:1"])
    }
}
