// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@testable import Collect

/// What is carried of an image for the platforms of a spec.
@Suite struct CarriedContentTests {
    let layout: Layout

    init() throws { layout = try Layout() }

    private func resolved(
        _ top: Manifest, _ platforms: [Platform] = [Layout.amd64]
    ) async throws -> (served: [Digest], others: [Digest]) {
        let image = try await layout.resolver(of: top, platforms: platforms).image(Layout.name)
        #expect(image.instances.map(\.platform) == (image.instances.isEmpty ? [] : platforms))
        return (image.instances.map(\.manifest.descriptor.digest), image.others.map(\.descriptor.digest))
    }

    @Test func aManifestServesThePlatformOfItsConfig() async throws {
        let image = try layout.image("one", for: Layout.amd64)
        let found = try await resolved(image)
        #expect(found.served == [image.descriptor.digest] && found.others.isEmpty)
        let failure = await #expect(throws: Failure.self) {
            try await resolved(image, [Layout.amd64, Layout.arm64])
        }
        #expect(failure?.kind == .input && failure?.reason.contains("nothing for linux/arm64") == true)
        #expect(failure?.reason.contains("only for linux/amd64") == true)
    }

    @Test func whatNamesNoPlatformServesNone() async throws {
        for top in [try layout.artifact("x"), try layout.image("y", for: nil)] {
            let found = try await resolved(top)
            #expect(found.served.isEmpty && found.others.isEmpty)
        }
    }

    @Test func anIndexServesInTheOrderOfTheSpec() async throws {
        let (one, two) = (
            try layout.image("one", for: Layout.amd64), try layout.image("two", for: Layout.arm64)
        )
        let index = try layout.index([(one, Layout.amd64), (two, Layout.arm64)])
        let found = try await resolved(index, [Layout.arm64, Layout.amd64])
        #expect(found.served == [two, one].map(\.descriptor.digest) && found.others.isEmpty)
        let narrow = try await resolved(index, [Layout.arm64])
        #expect(narrow.served == [two.descriptor.digest] && narrow.others.isEmpty)
    }

    @Test func configsNameThePlatformsWhereEntriesDoNot() async throws {
        let (one, two) = (
            try layout.image("one", for: Layout.amd64), try layout.image("two", for: Layout.arm64)
        )
        let index = try layout.index([(one, nil), (two, nil)])
        let found = try await resolved(index, [Layout.arm64])
        #expect(found.served == [two.descriptor.digest] && found.others == [one.descriptor.digest])
    }

    @Test func whatIsBesideAnImageComesAfterAllThatItNames() async throws {
        let (image, artifact) = (try layout.image("one", for: Layout.amd64), try layout.artifact("beside"))
        let inner = try layout.index([(artifact, nil)])
        let index = try layout.index([(image, Layout.amd64), (inner, nil)])
        let found = try await resolved(index)
        #expect(found.served == [image.descriptor.digest])
        #expect(found.others == [artifact, inner].map(\.descriptor.digest))
        let only = try await resolved(try layout.index([(artifact, nil)]))
        #expect(only.served.isEmpty && only.others == [artifact.descriptor.digest])
        let empty = try await resolved(try layout.index([]))
        #expect(empty.served.isEmpty && empty.others.isEmpty)
    }
}
