// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Spec
import Testing

@testable import BundleFormat

/// The outcome in the bundle document, and documents without one.
@Suite struct OutcomeTests {
    /// An outcome of one layer an image, for the names and platforms of the spec.
    static func outcome(of spec: Spec) -> BuildOutcome {
        let names = [spec.base?.image.unpinned].compactMap(\.self) + spec.builds.map(\.tag)
        return BuildOutcome(
            images: spec.platforms.flatMap { platform in
                names.map { name in
                    .init(
                        name: name, platform: platform, id: Digest(of: Array("\(name)".utf8)).hex,
                        layers: [Digest(of: [1])])
                }
            })
    }

    @Test func anOutcomeMovesNothingAndIsRead() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let draft = try fixture.plan()
            let outcome = Self.outcome(of: fixture.spec)
            let final = try BundlePlan(
                spec: fixture.spec, lock: fixture.lock, images: fixture.images, outcome: outcome)
            #expect(final.blobs.map(\.offset) == draft.blobs.map(\.offset))
            #expect(final.size == draft.size)
            let writer = try BundleWriter(draft, at: folder + "/b.tar")
            for blob in writer.pending { try writer.fill(blob, from: fixture) }
            try writer.finish(as: final)
            let bundle = try Bundle(opening: folder + "/b.tar")
            #expect(bundle.indexDigest == final.indexDigest)
            #expect(bundle.outcome == outcome)
            #expect(bundle.verify().isEmpty)
            #expect(try BundleWriter(draft, at: folder + "/b.tar").isAlreadyThere)
        }
    }

    @Test func aBundleOfVersionOneIsRead() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let plan = try BundlePlan(
                spec: fixture.spec, lock: fixture.lock, images: fixture.images, version: 1)
            try fixture.write(plan, at: folder + "/b.tar")
            let bundle = try Bundle(opening: folder + "/b.tar")
            #expect(bundle.version == 1)
            #expect(bundle.outcome == nil)
            #expect(bundle.indexDigest == plan.indexDigest)
        }
    }

    @Test func anOutcomeThatIsNotWellFormedIsRefused() throws {
        let spec = try Fixture().spec
        let good = Self.outcome(of: spec)
        guard !good.images.isEmpty else { return }
        #expect(good.fault(of: spec) == nil)
        for change: (inout BuildOutcome) -> Void in [
            { $0.images.removeLast() }, { $0.images.append($0.images[0]) }, { $0.images[0].id = "x" },
            { $0.images[0].id = nil }, { $0.images[0].uncovered = .run },
            { $0.images[0].layers = [Digest](repeating: Digest(of: [1]), count: 129) },
            { $0.images[0].platform = try! Platform("linux/s390x") },
        ] {
            var bad = good
            change(&bad)
            #expect(bad.fault(of: spec) != nil)
        }
    }
}
