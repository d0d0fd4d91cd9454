// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

/// Which parts of an index serve some platforms.
@Suite struct IndexSelectionTests {
    private static let amd64 = try! Platform("linux/amd64")
    private static let arm64 = try! Platform("linux/arm64")
    private static let arm7 = try! Platform("linux/arm/v7")

    /// The descriptor of a manifest that no one has.
    private static func entry(
        _ word: String, _ platform: PlatformFields? = nil, type: String = MediaType.manifest,
        of subject: Descriptor? = nil
    ) -> Descriptor {
        var made = Descriptor(mediaType: type, of: Array(word.utf8))
        made.platform = platform
        if let subject { made.annotations = [IndexSelection.subjectAnnotation: "\(subject.digest)"] }
        return made
    }

    private static func fields(_ os: String, _ architecture: String) -> PlatformFields {
        PlatformFields(config: Array(#"{"os":"\#(os)","architecture":"\#(architecture)"}"#.utf8))!
    }

    private static let one = entry("one", PlatformFields(amd64))
    private static let two = entry("two", PlatformFields(arm64))

    /// The selection of an index of `entries`, with the indexes that are within it.
    private static func selection(
        _ entries: [Descriptor], within nested: [Manifest] = []
    ) throws -> (top: Manifest, selection: IndexSelection) {
        let top = try Manifest.index(of: entries)
        let found = Dictionary(uniqueKeysWithValues: nested.map { ($0.descriptor.digest, $0) })
        return (top, try IndexSelection(top, nested: found, artifact: "a test"))
    }

    @Test func onlyWhatServesThePlatformsIsKept() throws {
        let (top, selection) = try Self.selection([Self.one, Self.two])
        #expect(selection.platforms == [Self.amd64, Self.arm64])
        #expect(selection.kept(for: [Self.arm64]) == [top.descriptor.digest, Self.two.digest])
        #expect(selection.instance(for: Self.arm64) == Self.two)
        #expect(selection.instance(for: try Platform("linux/s390x")) == nil)
        #expect(selection.kept(for: [try Platform("linux/s390x")]) == [])
    }

    @Test func anAttestationFollowsItsSubject() throws {
        let unknown = Self.fields("unknown", "unknown")
        let proofs = [
            Self.entry("of one", unknown, of: Self.one), Self.entry("of two", unknown, of: Self.two),
        ]
        let (top, selection) = try Self.selection([Self.one, Self.two] + proofs)
        #expect(
            selection.kept(for: [Self.amd64]) == [
                top.descriptor.digest, Self.one.digest, proofs[0].digest,
            ])
        // What it is about is not in the index at all: it may belong to anything.
        let stray = Self.entry("stray", unknown, of: Self.entry("elsewhere"))
        #expect(
            try Self.selection([Self.one, stray]).selection.kept(for: [Self.amd64]).contains(stray.digest))
    }

    @Test func entriesWithoutPlatformAndAllVersionsOfOneAreKept() throws {
        let versions = ["10.0.1", "10.0.2"].map { Self.entry($0, PlatformFields(Self.amd64)) }
        let bare = Self.entry("bare")
        let (top, selection) = try Self.selection(versions + [bare, Self.two])
        #expect(
            selection.kept(for: [Self.amd64])
                == Set([top.descriptor.digest, bare.digest] + versions.map(\.digest)))
        #expect(selection.instance(for: Self.amd64) == versions[0])
    }

    @Test func aVariantThatOneOfThemLeavesOutIsNoDifference() throws {
        let arm = Self.entry("arm", PlatformFields(Self.arm7))
        let selection = try Self.selection([Self.one, arm]).selection
        #expect(selection.serving(try Platform("linux/arm")) == Self.arm7)
        #expect(selection.instance(for: try Platform("linux/arm")) == arm)
        #expect(selection.serving(try Platform("linux/arm/v6")) == nil)
    }

    @Test func aNestedIndexGivesItsPlatformAndIsKeptForWhatIsInIt() throws {
        let (bare, other) = (Self.entry("bare"), Self.entry("other"))
        let inner = try [[bare], [other], []].map { try Manifest.index(of: $0) }
        func named(_ index: Manifest, _ platform: Platform?) -> Descriptor {
            var entry = index.descriptor
            entry.platform = platform.map(PlatformFields.init)
            return entry
        }
        let entries = [named(inner[0], Self.amd64), named(inner[1], Self.arm64), named(inner[2], nil)]
        let (top, selection) = try Self.selection(entries, within: inner)
        #expect(selection.instance(for: Self.amd64)?.digest == bare.digest)
        #expect(
            selection.kept(for: [Self.amd64])
                == Set([top, inner[0], inner[2]].map(\.descriptor.digest) + [bare.digest]))
        // An index that was not fetched counts as left out.
        let partly = try Self.selection(entries, within: [inner[1]]).selection
        #expect(partly.platforms == [Self.arm64])
    }

    @Test func indexesAreFollowedFourDeep() throws {
        var levels = [try Manifest.index(of: [Self.one])]
        for _ in 0..<3 { levels.append(try Manifest.index(of: [levels.last!.descriptor])) }
        func selection() throws -> IndexSelection {
            let found = Dictionary(uniqueKeysWithValues: levels.map { ($0.descriptor.digest, $0) })
            return try IndexSelection(levels.last!, nested: found, artifact: "deep:1")
        }
        #expect(try selection().kept(for: [Self.amd64]).count == 5)
        levels.append(try Manifest.index(of: [levels.last!.descriptor]))
        let failure = #expect(throws: Failure.self) { try selection() }
        #expect(failure?.kind == .data && failure?.artifact == "deep:1")
    }

    @Test func whatIsThereTwiceIsOne() throws {
        let selection = try Self.selection([Self.one, Self.one]).selection
        #expect(selection.manifests.map(\.digest) == [Self.one.digest])
        #expect(selection.kept(for: [Self.amd64]).count == 2)
    }
}
