// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Synchronization

/// Which manifests the registry said that it lists under their subject, during one push.
final class SubjectLog: Sendable {
    private let listed = Mutex<Set<String>>([])

    func note(_ manifest: Manifest, at reference: Reference) {
        listed.withLock { _ = $0.insert(Self.key(manifest, at: reference)) }
    }

    func contains(_ manifest: Manifest, at reference: Reference) -> Bool {
        listed.withLock { $0.contains(Self.key(manifest, at: reference)) }
    }

    private static func key(_ manifest: Manifest, at reference: Reference) -> String {
        "\(reference.repository)@\(manifest.descriptor.digest)"
    }
}

/// What names a subject is found from it: by the registry's own list, or by one under a tag.
extension Pusher {
    /// The manifests of one repository that name one subject.
    private struct Group: Sendable {
        let subject: Digest
        /// The tag for the list.
        let reference: Reference
        var manifests: [Manifest]
    }

    /// Lists what names a subject under a tag, where the registry does not list it itself. A manifest that was there
    /// already is asked for too: the push that brought it may have ended before this.
    /// - Returns: the lists, of registries that need them.
    func listReferrers(_ log: SubjectLog) async throws -> [Pushed.Item] {
        try await inParallel(groups(besides: log), width: client.requestsAtOnce) { group in
            try await list(group)
        }
        .compactMap(\.self)
    }

    private func groups(besides log: SubjectLog) -> [Group] {
        var groups: [Group] = []
        var places: [Reference: Int] = [:]
        var seen: Set<[String]> = []
        for item in plan.items {
            for manifest in item.manifests where !log.contains(manifest, at: item.reference) {
                guard let subject = manifest.subject?.digest else { continue }
                let key = [item.reference.repository, "\(manifest.descriptor.digest)"]
                guard seen.insert(key).inserted else { continue }
                let tag = Reference(
                    domain: item.reference.domain, repository: item.reference.repository,
                    tag: subject.referrersTag)
                if let place = places[tag] {
                    groups[place].manifests.append(manifest)
                } else {
                    places[tag] = groups.count
                    groups.append(Group(subject: subject, reference: tag, manifests: [manifest]))
                }
            }
        }
        return groups
    }

    private func list(_ group: Group) async throws -> Pushed.Item? {
        if try await client.listsReferrers(of: group.subject, in: group.reference) { return nil }
        let entries = group.manifests.compactMap(\.referrer)
        return try await merge(entries, into: group.reference, name: "what belongs to \(group.subject)")
    }

    /// After return the index that the tag of `reference` points to has all of `entries`, and what it had before.
    /// - Throws: a ``Failure`` of kind `data` where the tag points to something other than an index.
    func merge(
        _ entries: [Descriptor], into reference: Reference, name: String
    ) async throws -> Pushed.Item {
        let there = try await client.content(of: reference)
        let artifact = "\(reference)"
        var list =
            if let there {
                try ReferrersList(parsing: there.bytes, type: there.type, artifact: artifact)
            } else { ReferrersList() }
        for entry in entries { try list.add(entry) }
        if let there, !list.isChanged {
            return Pushed.Item(
                name: name, reference: reference, digest: Digest(of: there.bytes), state: .present)
        }
        let manifest = try list.manifest(artifact: artifact)
        try await client.push(manifest, to: reference)
        return Pushed.Item(
            name: name, reference: reference, digest: manifest.descriptor.digest,
            state: there == nil ? .pushed : .merged)
    }
}
