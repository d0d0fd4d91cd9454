// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import OCI
import Registry
import Testing

@testable import Push

/// What goes where, before the registry is asked for anything.
@Suite struct PlanTests {
    func plan(_ bundle: BundleFormat.Bundle, change: (inout PushOptions) -> Void = { _ in }) throws
        -> PushPlan
    {
        var options = PushOptions(try NameMapping(to: "h.site/p"))
        change(&options)
        return try PushPlan(bundle, options: options)
    }

    @Test func aSharedBlobIsPlannedOnce() throws {
        let fixture = try Fixture()
        try fixture.carry(image: fixture.image("base", "one"), as: "a.io/x/one:1")
        try fixture.carry(image: fixture.image("base", "two"), as: "a.io/x/two:1")
        try fixture.carry(image: fixture.image("base", "two"), as: "a.io/x/two:again")
        fixture.carry(file: "notes", bytes: Array("notes".utf8))
        let bundle = try fixture.bundle()
        let plan = try plan(bundle)
        #expect(
            plan.items.map(\.reference.description) == [
                "h.site/p/x/one:1", "h.site/p/x/two:1", "h.site/p/x/two:again", "h.site/p/files/notes:v1",
            ])
        let base = try #require(plan.blobs.first { $0.repositories.count == 2 })
        #expect(base.repositories.map(\.repository) == ["p/x/one", "p/x/two"])
        #expect(plan.blobs.count { $0.repositories.count == 2 } == 1)
        let order = bundle.blobs.map(\.descriptor.digest)
        let places = plan.blobs.compactMap { order.firstIndex(of: $0.descriptor.digest) }
        #expect(places == places.sorted() && places.count >= 5)
        #expect(plan.blobs.contains { $0.descriptor.digest == FileArtifact.config.digest })
    }

    @Test func twoImagesOfOneNameAreRefused() throws {
        let fixture = try Fixture()
        let one = try fixture.image("one")
        try fixture.carry(image: one, as: "a.io/x/y:1")
        try fixture.carry(image: one, as: "b.io/x/y:1")
        #expect(try plan(fixture.bundle()).items.count == 1)
        try fixture.carry(image: fixture.image("other"), as: "c.io/x/y:1")
        let bundle = try fixture.bundle(named: "c.sealift")
        let failure = #expect(throws: Failure.self) { try plan(bundle) }
        #expect(failure?.kind == .configuration && failure?.remedy.contains("--rewrite") == true)
    }

    @Test func onlyTakesWhatIsAttachedAlong() throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        let digest = image.descriptor.digest
        let sbom = try fixture.artifact("sbom", subject: image)
        let proof = try fixture.artifact("proof", subject: sbom)
        let elsewhere = try fixture.artifact("elsewhere", subject: image)
        try fixture.carry(image: image, as: "a.io/x/one:1")
        try fixture.carry("a.io/x/one:sha256-\(digest.hex).sig", top: fixture.artifact("sig"))
        try fixture.carry(
            "a.io/x/one:sha256-\(sbom.descriptor.digest.hex).sig", top: fixture.artifact("sig2"))
        try fixture.carry("a.io/x/one@\(sbom.descriptor.digest)", top: sbom)
        try fixture.carry("a.io/x/one@\(proof.descriptor.digest)", top: proof)
        try fixture.carry("a.io/x/other@\(elsewhere.descriptor.digest)", top: elsewhere)
        try fixture.carry(image: fixture.image("two"), as: "a.io/x/one:2")
        let stranger = Digest(of: Array("stranger".utf8))
        try fixture.carry("a.io/x/one:sha256-\(stranger.hex).sig", top: fixture.artifact("sig3"))
        let bundle = try fixture.bundle()
        let chosen = try plan(bundle) { $0.only = ["x/one:1"] }.items.map(\.name)
        let expected = [
            "a.io/x/one:1", "a.io/x/one:sha256-\(digest.hex).sig",
            "a.io/x/one:sha256-\(sbom.descriptor.digest.hex).sig", "a.io/x/one@\(sbom.descriptor.digest)",
            "a.io/x/one@\(proof.descriptor.digest)",
        ]
        #expect(chosen.sorted() == expected.sorted())
        #expect(try plan(bundle) { $0.only = ["x/one:2"] }.items.map(\.name) == ["a.io/x/one:2"])
        #expect(throws: Failure.self) { try plan(bundle) { $0.only = ["x/one:2", "x/none"] } }
    }

    @Test func anIndexOfWhichNotAllIsPushedIsNarrowed() throws {
        let fixture = try Fixture()
        let (one, two) = (try fixture.image("one"), try fixture.image("two", platform: Fixture.arm64))
        let index = try fixture.index([(one, Fixture.amd64), (two, Fixture.arm64)])
        let instances = [(Fixture.amd64, one), (Fixture.arm64, two)]
        try fixture.carry("a.io/x/tagged:1", top: index, instances: instances)
        try fixture.carry("a.io/x/pinned@\(index.descriptor.digest)", top: index, instances: instances)
        let bundle = try fixture.bundle()
        #expect(try plan(bundle).items.allSatisfy { $0.narrowed == nil })
        let items = try plan(bundle) { $0.platforms = [Fixture.arm64] }.items
        for item in items {
            #expect(item.children.map(\.descriptor) == [two.descriptor])
            #expect(item.narrowed?.manifests.map(\.digest) == [two.descriptor.digest])
            let isPinned = item.reference.digest != nil
            #expect(item.mayBeNarrowed(exact: false) == !isPinned)
            #expect(!item.mayBeNarrowed(exact: true))
            let state = PushSurvey.ItemState(
                item: item, missing: [], found: item.narrowed?.descriptor.digest)
            #expect(state.isInPlace(exact: false) == !isPinned)
            #expect(!state.isInPlace(exact: true))
        }
        #expect(items.count == 2)
        let absent = try Platform("linux/s390x")
        #expect(throws: Failure.self) { try plan(bundle) { $0.platforms = [absent] } }
    }

    @Test func theTagOfAListOfReferrersHas64Digits() throws {
        let fixture = try Fixture()
        let index = try fixture.index([])
        let image = try fixture.image("one")
        let digits = String(repeating: "a", count: 64)
        func isList(_ tag: String, top: Manifest) throws -> Bool {
            PushPlan.Item(
                name: "", reference: try Reference("h.site/a:\(tag)"), top: top, children: [], narrowed: nil
            ).isReferrersList
        }
        #expect(try isList("sha256-" + digits, top: index))
        #expect(try isList("sha512-" + digits, top: index))
        #expect(try !isList("sha256-" + digits, top: image))
        for tag in ["sha256-" + digits + ".sig", "sha256-" + digits.dropLast(), "sha1-" + digits, digits] {
            #expect(try !isList(tag, top: index))
        }
    }
}
