// SPDX-License-Identifier: Apache-2.0

/// Which manifests of an index, and of the indexes within it, serve some platforms or belong to those that do.
package struct IndexSelection: Sendable {
    /// What an entry names that is no index.
    private struct Leaf {
        var descriptor: Descriptor
        /// That of the entry, or of the nested index that it is in; `nil` where neither names one.
        var platform: Platform?
        /// The digests of the indexes that it is in, from the top.
        var path: [Digest]
        /// What an attestation is about.
        var subject: Digest?
    }
    private var leaves: [Leaf] = []
    /// The nested indexes, with the indexes that each is in.
    private var indexes: [(digest: Digest, path: [Digest])] = []

    /// The annotation by which buildkit says what an attestation belongs to.
    package static let subjectAnnotation = "vnd.docker.reference.digest"

    /// Lists what `top` names.
    /// - Parameter nested: the indexes that it points to, by digest; one that is not there counts as left out.
    /// - Throws: a ``Failure`` of kind `data` for indexes nested deeper than ``Manifest/deepestNesting``.
    package init(_ top: Manifest, nested: [Digest: Manifest], artifact: String) throws(Failure) {
        var pending: [(manifest: Manifest, platform: Platform?, path: [Digest])] = [(top, nil, [])]
        var seen: Set<Digest> = [top.descriptor.digest]
        while let (manifest, platform, path) = pending.popLast() {
            var below: [(Manifest, Platform?, [Digest])] = []
            let inner = path + [manifest.descriptor.digest]
            for entry in manifest.children {
                let own = entry.platform?.named ?? platform
                guard MediaType.indexes.contains(entry.mediaType) else {
                    let subject = entry.annotations?[Self.subjectAnnotation].flatMap { try? Digest($0) }
                    leaves.append(Leaf(descriptor: entry, platform: own, path: inner, subject: subject))
                    continue
                }
                guard inner.count < Manifest.deepestNesting else {
                    throw Failure(
                        .data, "carry", artifact,
                        because: "its indexes are nested more than \(Manifest.deepestNesting) deep",
                        remedy: "name one of the inner indexes by its digest")
                }
                guard let found = nested[entry.digest] else { continue }
                indexes.append((entry.digest, inner))
                if seen.insert(entry.digest).inserted { below.append((found, own, inner)) }
            }
            pending += below.reversed()
        }
    }

    /// The platforms that are named, each once, in order.
    package var platforms: [Platform] {
        var seen: Set<Platform> = []
        return leaves.compactMap(\.platform).filter { seen.insert($0).inserted }
    }

    /// The platform of the index that serves `platform`: the same, or one that differs only in a variant that one of them
    /// leaves out; `nil` where none does.
    package func serving(_ platform: Platform) -> Platform? {
        let all = platforms
        return all.first { $0 == platform } ?? all.first { platform.runs($0) }
    }

    /// The manifest that represents `platform`; `nil` where none does.
    package func instance(for platform: Platform) -> Descriptor? {
        guard let chosen = serving(platform) else { return nil }
        return leaves.first { $0.platform == chosen && MediaType.accepted.contains($0.descriptor.mediaType) }?
            .descriptor
    }

    /// The digests of all that is kept for `platforms`: every entry of a platform that serves one of them; entries without
    /// a platform, but for attestations of what is left out; and the indexes that point to any of it.
    package func kept(for platforms: [Platform]) -> Set<Digest> {
        let chosen = Set(platforms.compactMap(serving))
        var known: [Digest: Bool] = [:]
        for leaf in leaves where leaf.platform != nil || leaf.subject == nil {
            let isKept = leaf.platform.map(chosen.contains) ?? true
            known[leaf.descriptor.digest] = isKept || known[leaf.descriptor.digest] ?? false
        }
        var kept: Set<Digest> = []
        for leaf in leaves {
            let isKept =
                leaf.platform.map(chosen.contains) ?? leaf.subject.flatMap { known[$0] } ?? true
            if isKept { kept.formUnion(leaf.path + [leaf.descriptor.digest]) }
        }
        // An index in which nothing is left out is kept too, when it is empty.
        let used = Set(leaves.flatMap(\.path))
        for index in indexes where !used.contains(index.digest) {
            kept.formUnion(index.path + [index.digest])
        }
        return kept
    }

    /// The manifests that are no index, each once, in order.
    package var manifests: [Descriptor] {
        var seen: Set<Digest> = []
        return leaves.map(\.descriptor).filter {
            MediaType.accepted.contains($0.mediaType) && seen.insert($0.digest).inserted
        }
    }
}

extension Platform {
    /// Whether this platform runs what was made for `other`: equal, or equal but for a variant that one of
    /// them leaves out.
    package func runs(_ other: Platform) -> Bool {
        os == other.os && architecture == other.architecture
            && (variant == other.variant || variant == nil || other.variant == nil)
    }
}
