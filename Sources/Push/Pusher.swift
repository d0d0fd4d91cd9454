// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
package import OCI
package import Registry

/// What happens during a push, for a display. Comes from any thread.
package enum PushEvent: Sendable {
    /// A note for people.
    case note(String)
    /// So many blobs and bytes will be sent at most; `names` is what the items of
    /// `TransferEvent` are called before people.
    case planned(uploads: Int, bytes: Int64, names: [String: String])
    /// So many of the bytes need not be sent: the registry has them.
    case present(bytes: Int64)
}

/// What a push comes to.
package struct Pushed: Sendable, Encodable {
    /// An image or file.
    package struct Item: Sendable, Encodable {
        /// How it came to be there.
        package enum State: String, Sendable, Encodable {
            /// It was there already.
            case present
            /// Its manifests were put in place.
            case pushed
            /// Its tag points to an index of only the carried platforms.
            case narrowed
            /// A list of referrers was there, and got those of the bundle.
            case merged
        }
        /// What it is called in the bundle.
        package let name: String
        /// What it is called in the registry.
        package let reference: Reference
        /// What it points to there.
        package let digest: Digest
        /// How it came to be there.
        package let state: State
    }
    /// The images and files.
    package let items: [Item]
    /// The tags that list what belongs to an image, in a registry that does not list it itself.
    package let referrers: [Item]
    /// How many blobs were there already, each counted once a repository.
    package let present: Int
    /// How often the registry took a blob from another repository of its own.
    package let mounted: Int
    /// How many blobs were sent.
    package let uploaded: Int
    /// The bytes of these blobs.
    package let bytes: Int64
}

/// Pushes what a bundle carries into a registry: asks for the tags, sends the blobs that are not there, then the
/// manifests, children before indexes.
package struct Pusher: Sendable {
    let plan: PushPlan
    let source: PushSource
    let options: PushOptions
    let client: RegistryClient
    let events: @Sendable (PushEvent) -> Void

    /// Plans the push of `bundle` through `client`.
    /// - Throws: a ``Failure`` of kind `configuration` where two images would get one name, `input` where a
    ///   pattern means nothing, or an image has none of the platforms.
    package init(
        _ bundle: Bundle, options: PushOptions, client: RegistryClient,
        events: @escaping @Sendable (PushEvent) -> Void
    ) throws(Failure) {
        plan = try PushPlan(bundle, options: options)
        source = PushSource(bundle: bundle)
        self.options = options
        self.client = client
        self.events = events
    }

    /// Brings to the registry what it lacks. What is complete stays when it fails; a rerun sends the rest.
    package func run() async throws -> Pushed {
        let survey = try await survey(asksForBlobs: options.asksForAll)
        try checkContent(survey)
        let names = survey.moves.map {
            ("\($0.blob.descriptor.digest)", "\($0.blob.owner) \($0.blob.descriptor.digest.short)")
        }
        events(
            .planned(
                uploads: survey.uploads, bytes: survey.bytes,
                names: Dictionary(names) { first, _ in first }))
        let arrivals = try await bring(survey.moves)
        let log = SubjectLog()
        try await pushChildren(survey, log: log)
        let items = try await inParallel(survey.states, width: client.requestsAtOnce) { state in
            try await pushTop(state, log: log)
        }
        let lists = try await listReferrers(log)
        let sent = arrivals.filter { $0.way == .uploaded }
        return Pushed(
            items: items, referrers: lists,
            present: survey.present + arrivals.count { $0.way == .present },
            mounted: arrivals.count { $0.way == .mounted }, uploaded: sent.count,
            bytes: sent.clampedTotal(\.bytes))
    }

    /// - Throws: a ``Failure`` of kind `input` where neither the bundle nor the registry has a blob.
    private func checkContent(_ survey: PushSurvey) throws(Failure) {
        let missing = survey.moves.filter {
            $0.holders.isEmpty && !source.contains($0.blob.descriptor.digest)
        }
        guard let first = missing.first else { return }
        throw Failure(
            .input, "push", first.blob.owner,
            because: "\(missing.count) blobs are neither in \(source.bundle.path) nor in the registry, "
                + "the first is \(first.blob.descriptor.digest)",
            remedy: "the bundle is a delta: name the bundle that it builds on with --with")
    }

    private func pushChildren(_ survey: PushSurvey, log: SubjectLog) async throws {
        var seen: Set<[String]> = []
        let children = survey.states.flatMap { state in state.missing.map { (state.item.reference, $0) } }
            .filter { seen.insert([$0.0.repository, "\($0.1.descriptor.digest)"]).inserted }
        func isIndex(_ manifest: Manifest) -> Bool {
            MediaType.indexes.contains(manifest.descriptor.mediaType)
        }
        _ = try await inParallel(children.filter { !isIndex($0.1) }, width: client.requestsAtOnce) {
            reference, manifest in
            _ = try await put(manifest, at: reference.pinned(manifest.descriptor.digest), log: log)
        }
        // An index within an index comes after all that it names.
        for (reference, index) in children where isIndex(index) {
            _ = try await put(index, at: reference.pinned(index.descriptor.digest), log: log)
        }
    }

    /// Puts a manifest in place, and notes whether the registry lists it under its subject; `false` where it was refused
    /// and may be.
    private func put(
        _ manifest: Manifest, at reference: Reference, log: SubjectLog, mayBeRefused: Bool = false
    ) async throws -> Bool {
        guard let arrival = try await client.push(manifest, to: reference, mayBeRefused: mayBeRefused) else {
            return false
        }
        if let subject = manifest.subject?.digest, arrival.processedSubject == subject {
            log.note(manifest, at: reference)
        }
        return true
    }

    private func pushTop(
        _ state: PushSurvey.ItemState, log: SubjectLog
    ) async throws -> Pushed.Item {
        let item = state.item
        func done(_ digest: Digest, state: Pushed.Item.State) -> Pushed.Item {
            Pushed.Item(name: item.name, reference: item.reference, digest: digest, state: state)
        }
        if let found = state.found, state.isInPlace(exact: options.isExact) {
            return done(found, state: found == item.top.descriptor.digest ? .present : .narrowed)
        }
        if item.isReferrersList, state.found != nil {
            return try await merge(
                (item.narrowed ?? item.top).manifests, into: item.reference, name: item.name)
        }
        let whole = item.top.descriptor.digest
        if try await put(item.top, at: item.reference, log: log, mayBeRefused: item.narrowed != nil) {
            return done(whole, state: .pushed)
        }
        guard let narrowed = item.narrowed, item.mayBeNarrowed(exact: options.isExact) else {
            throw Failure(
                .unavailable, "push", item.name,
                because: "\(item.reference.domain) takes no index of which the bundle carries only "
                    + "\(item.children.count) of \(item.top.children.count) manifests, and its digest must stay",
                remedy: item.reference.digest == nil
                    ? "collect every platform of it, or push without --exact"
                    : "collect every platform of it, or name it in the spec by its tag only")
        }
        _ = try await put(narrowed, at: item.reference, log: log)
        let digest = narrowed.descriptor.digest
        events(
            .note(
                "\(item.reference): the registry takes no index with platforms left out; the tag points to one of the "
                    + "\(item.children.count) that are carried, \(digest), not to \(whole)"))
        return done(digest, state: .narrowed)
    }
}

extension Reference {
    /// The content `digest` in the same repository.
    func pinned(_ digest: Digest) -> Reference {
        Reference(domain: domain, repository: repository, digest: digest)
    }
}
