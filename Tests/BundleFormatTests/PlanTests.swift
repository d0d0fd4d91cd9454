// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Testing

/// The layout: known before anything is fetched, and the same for the same lock.
@Suite struct PlanTests {
    static let shared = try! Fixture()

    @Test func equalLocksGiveEqualPlans() throws {
        let (one, other) = (try Fixture().plan(), try Fixture().plan())
        #expect(one.index == other.index)
        #expect(one.blobs.map(\.offset) == other.blobs.map(\.offset))
        let shuffled = try BundlePlan(
            spec: Self.shared.spec, lock: Self.shared.lock, images: Self.shared.images.reversed())
        #expect(shuffled.index == one.index)
        #expect(try Fixture(seed: 2).plan().index != one.index)
    }

    @Test func theOrderIsThatOfUse() throws {
        var fixture = Self.shared
        let base = fixture.images[4]
        fixture.spec.base = .init(image: base.reference, layers: [:])
        fixture.spec.builds = [
            .init(
                tag: base.reference,
                context: [
                    .putRepacked(path: "a", file: "notes"),
                    .putSaved(path: "b", image: fixture.images[3].reference),
                ], kubefile: "FROM scratch")
        ]
        let plan = try fixture.plan()
        let known = plan.blobs.prefix { $0.bytes != nil }
        #expect(known.first?.owner == "the bundle document")
        #expect(plan.blobs.dropFirst(known.count).allSatisfy { $0.bytes == nil })
        let large = plan.blobs.map(\.descriptor.digest).drop {
            !base.instances[0].children[1...].map(\.digest).contains($0)
        }
        let notes = try #require(fixture.lock.files.first { $0.name == "notes" })
        var expected = base.instances.flatMap { $0.children.dropFirst() }.map(\.digest)
        expected.append(notes.digest)
        expected += fixture.images[3].instances.flatMap { $0.children.dropFirst() }.map(\.digest)
        var seen: Set<Digest> = []
        expected = expected.filter { seen.insert($0).inserted }
        #expect(Array(large.prefix(expected.count)) == expected)
    }

    @Test func offsetsFollowEachOther() throws {
        let plan = try Self.shared.plan()
        for (blob, next) in zip(plan.blobs, plan.blobs.dropFirst()) {
            let end = blob.offset + blob.descriptor.size
            #expect(next.offset == (end + 511) / 512 * 512 + 512)
        }
        #expect(plan.blobs.map(\.descriptor.digest).count == Set(plan.blobs.map(\.descriptor.digest)).count)
    }

    @Test func aDeltaLeavesOutWhatIsHad() throws {
        try withFolder { folder in
            let fixture = Self.shared
            try fixture.write(try fixture.plan(), at: folder + "/old")
            let old = try Bundle(opening: folder + "/old")
            var newer = fixture
            let bytes = Array("a new file".utf8)
            newer.blobs[Digest(of: bytes)] = bytes
            newer.lock = Lock(
                images: fixture.lock.images,
                files: fixture.lock.files + [
                    .init(
                        name: "new", platform: nil, url: "https://example.invalid/new",
                        digest: Digest(of: bytes),
                        size: Int64(bytes.count))
                ])
            let inventory = try Inventory.decode(Inventory(of: old).encoded(), path: "inventory")
            let plan = try newer.plan(have: Set(inventory.blobs))
            #expect(plan.blobs.filter { $0.bytes == nil && $0.owner == "new" }.count == 1)
            try newer.write(plan, at: folder + "/delta")
            let delta = try Bundle(opening: folder + "/delta")
            #expect(delta.verify().isEmpty)
            #expect(delta.required.count > 3 && delta.missing == delta.required)
            let gone = #expect(throws: Failure.self) { try delta.open(delta.required[0].descriptor) }
            #expect(gone?.kind == .input && gone?.artifact == "\(delta.required[0].descriptor.digest)")
            let whole = try Bundle(opening: folder + "/delta", with: [old])
            #expect(whole.missing.isEmpty)
            #expect(
                try whole.bytes(of: delta.required[0].descriptor)
                    == fixture.blobs[delta.required[0].descriptor.digest])
            let diff = BundleDiff(from: old, to: whole)
            #expect(diff.changes.map(\.description) == ["+ new"])
            #expect(diff.addedBytes > Int64(bytes.count) && diff.added.contains { $0.owner == "new" })
            #expect(diff.removed.map(\.owner) == ["the bundle document", "the bundle document"])
        }
    }

    @Test func sizesThatDisagreeAreRefused() throws {
        var fixture = Self.shared
        let image = try #require(fixture.images.first { $0.reference.repository == "test/oci" })
        let layer = image.instances[0].children[1]
        fixture.lock.files[0].digest = layer.digest
        fixture.lock.files[0].size = layer.size + 1
        let refused = #expect(throws: Failure.self) { try fixture.plan() }
        #expect(refused?.kind == .data && refused?.artifact.contains("\(layer.digest)") == true)
    }

    @Test func imagesThatAreNotTheLocksAreRefused() throws {
        let fixture = Self.shared
        #expect(throws: Failure.self) {
            try BundlePlan(spec: fixture.spec, lock: fixture.lock, images: fixture.images.dropLast())
        }
        let list = try #require(fixture.images.first { $0.reference.repository == "test/list" })
        #expect(throws: Failure.self) {
            try BundleImage(list.locked, top: list.top, instances: list.instances.reversed())
        }
        #expect(throws: Failure.self) {
            try BundleImage(list.locked, top: list.instances[0], instances: list.instances)
        }
        var foreign = list.locked
        let other = try #require(fixture.images.first { $0.reference.repository == "test/schema2" })
        foreign.platforms = other.locked.platforms
        #expect(throws: Failure.self) {
            try BundleImage(foreign, top: list.top, instances: other.instances)
        }
    }

    /// A layer beyond 8 GiB takes a PAX header, which GNU tar must read as we do. The space is reserved, not written.
    @Test func gnuTarFindsWhatFollowsAHugeBlob() throws {
        try withFolder { folder in
            var fixture = Self.shared
            fixture.spec.files = ["huge": .init(urls: [])]
            let digest = Digest(of: Array("huge".utf8))
            fixture.lock = Lock(
                images: fixture.lock.images,
                files: [.init(name: "huge", platform: nil, url: "", digest: digest, size: 9 << 30)])
            let plan = try fixture.plan()
            let blob = try #require(plan.blobs.first { $0.descriptor.digest == digest })
            let before = try #require(plan.blobs.last { $0.offset < blob.offset })
            #expect(blob.offset == (before.offset + before.descriptor.size + 511) / 512 * 512 + 3 * 512)
            #expect(plan.size > 9 << 30)
            let writer = try BundleWriter(plan, at: folder + "/b")
            #expect(writer.pending.contains(blob.descriptor))
            let list = try run("tar", "tvf", "b.partial", in: folder)
            #expect(list.status == 0 && list.errors.isEmpty, "\(list.errors)")
            let sizes = list.text.split(separator: "\n").compactMap { Int64($0.split(separator: " ")[2]) }
            #expect(Array(sizes.dropFirst(2)) == plan.blobs.map(\.descriptor.size))
        }
    }

    @Test func twentyThousandBlobsArePlanned() throws {
        let count = 20_000
        var files: [Lock.File] = []
        for number in 0..<count {
            let digest = Digest(of: Array("\(number)".utf8))
            files.append(
                .init(
                    name: "f\(number)", platform: nil, url: "https://example.invalid/\(number)",
                    digest: digest, size: Int64(number)))
        }
        let plan = try BundlePlan(
            spec: Self.shared.spec, lock: Lock(images: [], files: files), images: [])
        #expect(plan.blobs.count == count + 2)
    }

    /// The names of volumes have three digits, so there are 999 at most.
    @Test func thereAreAtMost999Volumes() throws {
        let digest = Digest(of: Array("huge".utf8))
        let lock = Lock(
            images: [],
            files: [.init(name: "huge", platform: nil, url: "", digest: digest, size: 1 << 30)])
        var spec = Self.shared.spec
        spec.images = []
        func plan(_ volume: Int64) throws -> BundlePlan {
            try BundlePlan(spec: spec, lock: lock, images: [], volumeSize: volume)
        }
        let size = try plan(1 << 30).size
        let least = (size + 998) / 999
        let whole = try plan(least)
        #expect((whole.size + least - 1) / least == 999)
        let refused = #expect(throws: Failure.self) { try plan(least - 1) }
        #expect(refused?.kind == .configuration)
        #expect(refused?.remedy.contains("at least \(least) bytes") == true)
        for odd in [0, -1, Int64.min, 1] { #expect(throws: Failure.self) { try plan(odd) } }
        _ = try plan(.max)
    }
}
