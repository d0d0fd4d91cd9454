// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Registry
import TestSupport
import Testing

@testable import Push

/// Pushes to a real docker-registry.
@Suite struct PusherTests {
    @Test func aSecondPushAsksOnceAnImage() async throws {
        let fixture = try Fixture()
        for name in ["one", "two", "three"] {
            try fixture.carry(image: fixture.image("base", name), as: "a.io/x/\(name):1")
        }
        fixture.carry(file: "notes", bytes: Array("notes".utf8))
        let (bundle, registry) = (try fixture.bundle(), try await RunningRegistry())
        let planned = try await registry.pusher(bundle).survey()
        let mark = try registry.requests().count
        let first = try await registry.push(bundle)
        #expect((first.uploaded, first.mounted, first.present) == (9, 2, 0))
        #expect((planned.uploads, planned.mounts, planned.bytes) == (9, 2, first.bytes))
        #expect(Set(first.items.map(\.state)) == [.pushed] && first.referrers.isEmpty)
        let sent = try registry.requests().dropFirst(mark)
        #expect(sent.allSatisfy { $0.method != "PATCH" })
        // The tags are all that is asked for; once the registry shows that it says where it has a blob.
        #expect(sent.count { $0.method == "HEAD" } == 4)
        #expect(sent.count { $0.method == "POST" } == 9 + 2 + 1)
        let before = try registry.requests().count
        let second = try await registry.push(bundle)
        #expect((second.uploaded, second.mounted, second.present) == (0, 0, 11))
        #expect(Set(second.items.map(\.state)) == [.present])
        let asked = try registry.requests().dropFirst(before)
        #expect(asked.count == 4 && asked.allSatisfy { $0.method == "HEAD" && $0.status == 200 })
    }

    @Test func aLostBlobIsFoundWithAsksForAllOnly() async throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        try fixture.carry(image: image, as: "a.io/x/one:1")
        let (bundle, registry) = (try fixture.bundle(), try await RunningRegistry())
        try await registry.push(bundle)
        try registry.lose(image.blobs[1].digest)
        #expect(try await registry.push(bundle).uploaded == 0)
        #expect(try await registry.push(bundle) { $0.asksForAll = true }.uploaded == 1)
        #expect(try await registry.push(bundle) { $0.asksForAll = true }.uploaded == 0)
    }

    @Test func aManifestThatIsThereAnswersForItsBlobs() async throws {
        let fixture = try Fixture()
        let (one, two) = (try fixture.image("one"), try fixture.image("two", platform: Fixture.arm64))
        let index = try fixture.index([(one, Fixture.amd64), (two, Fixture.arm64)])
        try fixture.carry(
            "a.io/x/y:1", top: index, instances: [(Fixture.amd64, one), (Fixture.arm64, two)])
        let (bundle, registry) = (try fixture.bundle(), try await RunningRegistry())
        let narrow = try await registry.push(bundle) { $0.platforms = [Fixture.amd64] }
        #expect(narrow.items.map(\.state) == [.narrowed])
        let before = try registry.requests().count
        let whole = try await registry.push(bundle)
        #expect(whole.items.map(\.state) == [.pushed] && whole.uploaded == 2)
        #expect(try await registry.content("site/x/y:1") == index.raw)
        let asked = try registry.requests().dropFirst(before).map(\.path)
        for blob in one.blobs { #expect(!asked.contains { $0.hasSuffix("\(blob.digest)") }) }
    }

    @Test func aPinnedIndexIsRefusedRatherThanNarrowed() async throws {
        let fixture = try Fixture()
        let (one, two) = (try fixture.image("one"), try fixture.image("two", platform: Fixture.arm64))
        let index = try fixture.index([(one, Fixture.amd64), (two, Fixture.arm64)])
        try fixture.carry(
            "a.io/x/y@\(index.descriptor.digest)", top: index,
            instances: [(Fixture.amd64, one), (Fixture.arm64, two)])
        let (bundle, registry) = (try fixture.bundle(), try await RunningRegistry())
        let failure = await #expect(throws: Failure.self) {
            try await registry.push(bundle) { $0.platforms = [Fixture.amd64] }
        }
        #expect(failure?.kind == .unavailable && failure?.reason.contains("its digest must stay") == true)
        #expect(try await registry.push(bundle).items.map(\.state) == [.pushed])
    }

    @Test func listsOfReferrersKeepWhatOthersAdded() async throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        let sbom = try fixture.artifact("sbom", subject: image, annotations: ["made": "today"])
        let proof = try fixture.artifact("proof", subject: sbom)
        try fixture.carry(image: image, as: "a.io/x/one:1")
        try fixture.carry("a.io/x/one@\(sbom.descriptor.digest)", top: sbom)
        try fixture.carry("a.io/x/one@\(proof.descriptor.digest)", top: proof)
        let (bundle, registry) = (try fixture.bundle(), try await RunningRegistry())
        // What another client attached.
        let other = try Fixture()
        let theirs = try other.artifact("theirs", subject: image)
        try other.carry("a.io/x/one@\(theirs.descriptor.digest)", top: theirs)
        try await registry.push(try other.bundle())
        let pushed = try await registry.push(bundle)
        #expect(Set(pushed.referrers.map(\.state)) == [.merged, .pushed])
        func listed(_ subject: Manifest) async throws -> [Descriptor] {
            let tag = subject.descriptor.digest.referrersTag
            let raw = try #require(try await registry.content("site/x/one:\(tag)"))
            return try Manifest(parsing: raw, type: MediaType.index, artifact: "a test").manifests
        }
        #expect(try await listed(image) == [theirs, sbom].compactMap(\.referrer))
        #expect(try await listed(sbom) == [proof].compactMap(\.referrer))
        let again = try await registry.push(bundle)
        #expect(Set(again.referrers.map(\.state)) == [.present])
        #expect(try await listed(image).count == 2)
    }

    @Test func aCarriedListOfReferrersJoinsTheOneThere() async throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        let sbom = try fixture.artifact("sbom")
        let tag = image.descriptor.digest.referrersTag
        let list = try fixture.index([(sbom, nil)])
        try fixture.carry("a.io/x/one:\(tag)", top: list, others: [sbom])
        let other = try Fixture()
        let theirs = try other.artifact("theirs", subject: image)
        try other.carry("a.io/x/one@\(theirs.descriptor.digest)", top: theirs)
        let registry = try await RunningRegistry()
        try await registry.push(try other.bundle())
        let bundle = try fixture.bundle()
        for state in [Pushed.Item.State.merged, .present] {
            #expect(try await registry.push(bundle).items.map(\.state) == [state])
            let raw = try #require(try await registry.content("site/x/one:\(tag)"))
            let digests = try Manifest(parsing: raw, type: MediaType.index, artifact: "a test").manifests
                .map(\.digest)
            #expect(digests == [theirs.descriptor.digest, sbom.descriptor.digest])
        }
    }

    @Test func aDamagedBlobIsNamedAndNoTagIsMade() async throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        try fixture.carry(image: image, as: "a.io/x/one:1")
        let bundle = try fixture.bundle()
        let region = try #require(bundle.regions(of: image.blobs[1].digest)?.first)
        let file = try FileHandle(forUpdating: URL(filePath: region.file.path))
        try file.seek(toOffset: UInt64(region.offset))
        try file.write(contentsOf: Data([0xFF]))
        try file.close()
        let registry = try await RunningRegistry()
        let failure = try #require(
            await #expect(throws: Failure.self) { try await registry.push(bundle) })
        #expect(failure.kind == .data && failure.artifact == "a.io/x/one:1")
        #expect(failure.reason.contains("\(image.blobs[1].digest) in \(bundle.path) is damaged"))
        #expect(failure.remedy.contains("sealift verify"))
        #expect(try await registry.content("site/x/one:1") == nil)
    }

    @Test func aDeltaTakesFromTheRegistryWhatItLeavesOut() async throws {
        let fixture = try Fixture()
        let image = try fixture.image("base", "one")
        try fixture.carry(image: image, as: "a.io/x/one:1")
        let base = image.blobs[1]
        let delta = try fixture.bundle(have: [base.digest], named: "delta.sealift")
        let registry = try await RunningRegistry()
        let failure = await #expect(throws: Failure.self) { try await registry.push(delta) }
        #expect(failure?.kind == .input && failure?.remedy.contains("--with") == true)
        #expect(try registry.requests().allSatisfy { $0.method == "HEAD" })
        let other = try Fixture()
        try other.carry(image: other.image("base", "two"), as: "a.io/x/two:1")
        try await registry.push(try other.bundle())
        // In another repository, which it was not asked for.
        await #expect(throws: Failure.self) { try await registry.push(delta) }
        try other.carry(image: other.image("base", "three"), as: "a.io/x/one:3")
        try await registry.push(try other.bundle(named: "more.sealift"))
        #expect(try await registry.push(delta).uploaded == 2)
    }
}

extension RunningRegistry {
    /// Has the registry lose a blob, as a storage that broke does.
    func lose(_ digest: Digest) throws {
        let folder = "\(data)/docker/registry/v2/blobs/sha256/\(digest.hex.prefix(2))/\(digest.hex)"
        try FileManager.default.removeItem(atPath: folder)
    }
}
