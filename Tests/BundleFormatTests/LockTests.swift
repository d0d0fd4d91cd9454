// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import TestSupport
import Testing

/// The lock's form, and what of it is refused.
@Suite struct LockTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)
    static let text = """
        {
          "files" : [
            {
              "digest" : "\(digest)",
              "name" : "docker",
              "platform" : "linux/amd64",
              "size" : 5,
              "url" : "https://example.invalid/docker.tgz"
            }
          ],
          "images" : [
            {
              "digest" : "\(digest)",
              "mediaType" : "application/vnd.oci.image.manifest.v1+json",
              "platforms" : [
                {
                  "digest" : "\(digest)",
                  "mediaType" : "application/vnd.oci.image.manifest.v1+json",
                  "platform" : "linux/amd64",
                  "size" : 7
                }
              ],
              "reference" : "docker.io/library/registry:2.7.1",
              "size" : 7
            }
          ],
          "version" : 1
        }

        """

    @Test func itIsWrittenAsItIsRead() throws {
        let lock = try Lock.decode(Array(Self.text.utf8), path: "a.lock.json")
        #expect(String(decoding: try lock.encoded(), as: UTF8.self) == Self.text)
        #expect(lock.images[0].reference.familiar == "registry:2.7.1")
    }

    @Test func theFixturesLockSurvives() throws {
        let lock = try Fixture(layer: 10).lock
        #expect(try Lock.decode(lock.encoded(), path: "lock") == lock)
    }

    @Test(arguments: [
        ("\"size\" : 5,", "\"size\" : 5, \"sise\" : 6,", "line 7: the key 'files[0].sise' is unknown"),
        ("\"size\" : 5,", "\"size\" : 5, \"size\" : 6,", "line 7: the key 'files[0].size' is there twice"),
        ("\"size\" : 5,", "\"size\" : \"5\",", "line 7, at files.[0].size"),
        ("\"size\" : 5,", "\"size\" : -5,", "the size -5 is out of bounds"),
        ("\"size\" : 5,", "\"size\" : 9223372036854775807,", "out of bounds"),
        ("\"size\" : 5,", "\"size\" : 9223372036854775808,", ""),
        ("\"size\" : 5,", "", "'size' is missing"),
        (
            "\"platform\" : \"linux/amd64\",\n      \"size\" : 5", "\"platform\" : null,\n      \"size\" : 5",
            "line 6: the key 'files[0].platform' is unknown or null"
        ),
        ("\"name\" : \"docker\"", "\"name\" : \"../docker\"", "a file's name"),
        ("sha256:ab", "sha256:AB", "expected 'sha256:' and 64, or 'sha512:' and 128"),
        ("sha256:ab", "sha512:ab", "expected 'sha256:' and 64, or 'sha512:' and 128"),
        ("sha256:ab", "sha256:../", "expected 'sha256:' and 64, or 'sha512:' and 128"),
        ("linux/amd64", "linux amd64", "expected OS/ARCHITECTURE"),
        ("library/registry:2.7.1", "library/Registry:2.7.1", "a name has lower-case letters"),
        ("library/registry:2.7.1", "library/registry:2.7.1\\n", "the tag"),
        ("\"version\" : 1", "\"version\" : 2", "only 1 is known"),
        (
            "image.manifest.v1+json\",\n      \"platforms\"", "image.layer.v1.tar\",\n      \"platforms\"",
            "is no image"
        ),
        ("\"version\" : 1\n}", "\"version\" : 1\n} {}", ""),
        ("\"version\" : 1\n}", "\"version\" : 1", ""),
        ("{\n  \"files\"", "[\n  \"files\"", ""),
    ])
    func whatItDoesNotKnowIsRefused(_ old: String, _ new: String, _ finding: String) throws {
        let range = try #require(Self.text.range(of: old))
        let changed = Self.text.replacingCharacters(in: range, with: new)
        let refused = #expect(throws: Failure.self) {
            try Lock.decode(Array(changed.utf8), path: "a.lock.json")
        }
        #expect(refused?.kind == .configuration && refused?.artifact == "a.lock.json")
        #expect(refused?.reason.contains(finding) == true || finding.isEmpty, "\(refused!)")
    }

    @Test func entriesThatAreThereTwiceAreRefused() throws {
        var lock = try Lock.decode(Array(Self.text.utf8), path: "lock")
        lock.images += lock.images
        let image = #expect(throws: Failure.self) { try Lock.decode(lock.encoded(), path: "lock") }
        #expect(image?.reason.contains("registry:2.7.1 is there twice") == true)
        lock = try Lock.decode(Array(Self.text.utf8), path: "lock")
        lock.files += lock.files
        let file = #expect(throws: Failure.self) { try Lock.decode(lock.encoded(), path: "lock") }
        #expect(file?.reason.contains("docker-linux-amd64 is there twice") == true)
    }

    @Test func mutatedLocksNeverCrash() throws {
        var random = SeededNumbers(3)
        let whole = Array(Self.text.utf8)
        var refused = 0
        for _ in 0..<2000 {
            var mutated = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<mutated.count, using: &random)
                if Bool.random(using: &random) {
                    mutated[place] = UInt8.random(in: 0...255, using: &random)
                } else {
                    mutated.removeSubrange(place..<min(mutated.count, place + 7))
                }
            }
            do { _ = try Lock.decode(mutated, path: "lock") } catch { refused += 1 }
        }
        #expect(refused > 1000)
    }

    @Test func deepNestingIsRefused() throws {
        let deep = Array((String(repeating: "[", count: 100_000)).utf8)
        #expect(throws: Failure.self) { try Lock.decode(deep, path: "lock") }
    }

    @Test func changesAreNamed() throws {
        let old = try Fixture(layer: 10).lock
        var new = old
        #expect(new.changes(from: old) == [])
        new.images.removeAll { $0.reference.repository == "test/oci" }
        let index = try #require(new.images.firstIndex { $0.reference.repository == "test/ociindex" })
        new.images[index].platforms[1].digest = try Digest(Self.digest)
        new.files[2].digest = try Digest(Self.digest)
        new.files.append(
            .init(
                name: "zoo", platform: nil, url: "https://example.invalid/zoo",
                digest: try Digest(Self.digest), size: 1))
        let lines = new.changes(from: old).map(\.description)
        #expect(lines.count == 4)
        #expect(lines[0] == "- example.invalid/test/oci:v1")
        #expect(lines[1].hasPrefix("~ example.invalid/test/ociindex:v1 (linux/arm64)  "))
        #expect(lines[1].hasSuffix(" → abababababab"))
        #expect(lines[2].hasPrefix("~ notes  "))
        #expect(lines[3] == "+ zoo")
    }

    @Test func eachImageIsFoundByItsReference() throws {
        let one = try Lock.decode(Array(Self.text.utf8), path: "lock").images[0]
        for count in 0..<9 {
            let names = try (0..<count).map { try Reference("example.org/i\($0 * 2):1") }
            let lock = Lock(
                images: names.reversed().map { name in
                    var image = one
                    image.reference = name
                    return image
                }, files: [])
            for name in names { #expect(lock.image(name)?.reference == name) }
            for other in 0...count {
                #expect(lock.image(try Reference("example.org/i\(other * 2 - 1):1")) == nil)
            }
        }
    }
}
