// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// Something in a store that is not as it should be.
package struct StoreFinding: Sendable, Codable, Equatable {
    /// What is wrong with it.
    package enum Kind: String, Sendable, Codable {
        /// Its content is not what its id says, or cannot be read.
        case damaged
        /// The files of a layer are right, and its tar-split is not: sealer would push something else.
        case tarSplit = "tar-split"
        /// A listed image needs it, and it is not there.
        case missing
        /// Nothing refers to it: a killed run's leftovers, or what an image had that is listed no more.
        case orphaned
        /// Attributes that sealer's own pull does not keep; its content is right.
        case altered
    }
    /// What is wrong with it.
    package let kind: Kind
    /// What it is: `layer sha256:…`, `image NAME (PLATFORM)`, or a path.
    package let artifact: String
    /// The layer, where it is one.
    package let layer: Digest?
    /// What was found.
    package let reason: String
    /// The listed images that suffer.
    package let images: [String]
    /// Whether the listed images are whole in spite of it.
    package var isHarmless: Bool { kind == .orphaned || kind == .altered }
}

extension Store {
    /// Holds the store to its promises: every listed image has its file and its layers, and the layers'
    /// files are those of their ids. Nothing is changed.
    ///
    /// Blocking. Layers are read by as many threads as there are processors.
    /// - Parameters:
    ///   - layers: read these layers alone; `nil` for all.
    ///   - progress: given the bytes read since the last call, from any thread.
    /// - Returns: what is wrong, damage before what is harmless; nothing when nothing is wrong.
    /// - Throws: a ``Failure`` of kind `data` where the list of images is damaged or of another version,
    ///   `busy` where a sealift is writing.
    package func check(
        layers chosen: Set<Digest>? = nil, progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(Failure) -> [StoreFinding] {
        let lock = try readingLock()
        defer { withExtendedLifetime(lock) {} }
        let survey = try survey()
        var findings = survey.faults
        let whole = survey.layers.filter { $0.isWhole && chosen?.contains($0.id) ?? true }
        findings += read(whole, progress: progress)
        return findings.filter { !$0.isHarmless } + findings.filter(\.isHarmless)
    }

    /// Why the layer is not what its id says; `nil` where it is. Reads all of it.
    package func faultOfLayer(_ id: Digest) -> String? {
        guard hasLayer(id) else { return "the store lacks its layer \(id)" }
        switch LayerCheck(id, in: self).condition() {
        case .intact, .altered: return nil
        case .tarSplit(let reason), .damaged(let reason): return "its layer \(id): \(reason)"
        }
    }

    /// Whether names and attributes of a layer are not those of its tar, its contents being left unread, and it may be
    /// exchanged: this user can give files away, and no mount uses it.
    package func lacksAttributes(_ id: Digest) -> Bool {
        guard geteuid() == 0, let found = LayerCheck(id, in: self).conditionByAttributes(), found != .intact,
            (try? refuseMounts(of: [layerFolder(id)])) != nil
        else { return false }
        return true
    }

    private func read(
        _ layers: [StoreSurvey.Layer], progress: @escaping @Sendable (Int64) -> Void
    ) -> [StoreFinding] {
        // The largest first, so that no core is left with one of them at the end.
        let findings = onAllCores(layers.sorted { $0.size > $1.size }) { layer in
            layer.finding(LayerCheck(layer.id, in: self, progress: progress).condition())
        }
        return findings.compactMap(\.self).sorted { $0.artifact < $1.artifact }
    }

    /// A shared lock against sealift's own writers; `nil` where no writer was here yet, nothing may be
    /// opened, or the file system has no locks.
    private func readingLock() throws(Failure) -> FileLock? {
        guard let file = try? File.open("\(path)/.sealift/lock") else { return nil }
        do throws(Failure) {
            if let lock = try FileLock(of: file, isShared: true) { return lock }
        } catch {
            return nil
        }
        throw Failure(
            .busy, "check the store", path, because: "a sealift is writing there",
            remedy: "wait until it has ended, then run this again")
    }
}

extension StoreSurvey {
    /// What names and the database tell to be wrong, without the content of any layer.
    package var faults: [StoreFinding] {
        var findings: [StoreFinding] = []
        for image in images where image.fault != nil {
            findings.append(
                StoreFinding(
                    kind: image.image == nil ? .missing : .damaged, artifact: "image \(image.title)",
                    layer: nil,
                    reason: image.fault!, images: [image.title]))
        }
        for layer in layers where !layer.isWhole || layer.users.isEmpty {
            findings.append(
                StoreFinding(
                    kind: layer.users.isEmpty ? .orphaned : .missing, artifact: "layer \(layer.id)",
                    layer: layer.id, reason: layer.place, images: layer.users))
        }
        findings += unlisted.map {
            StoreFinding(
                kind: .orphaned, artifact: "image \($0)", layer: nil, reason: "no name refers to it",
                images: [])
        }
        for (paths, reason) in [
            (leftovers, "it was left by a run that was killed"),
            (strangers, "it has not the name of a layer or image; look at it yourself"),
        ] {
            findings += paths.map {
                StoreFinding(kind: .orphaned, artifact: $0, layer: nil, reason: reason, images: [])
            }
        }
        return findings
    }
}

extension StoreSurvey.Layer {
    /// What there is of it, in words.
    fileprivate var place: String {
        switch (hasFiles, hasEntry) {
        case (true, true): "no listed image has it"
        case (true, false): "its files are there, and its entry in the database is not"
        case (false, true): "its entry in the database is there, and its files are not"
        case (false, false): "neither its files nor its entry in the database are there"
        }
    }

    fileprivate func finding(_ condition: LayerCondition) -> StoreFinding? {
        let (kind, reason): (StoreFinding.Kind, String)
        switch condition {
        case .intact: return nil
        case .altered(let text): (kind, reason) = (.altered, text)
        case .damaged(let text): (kind, reason) = (.damaged, text)
        case .tarSplit(let text):
            (kind, reason) = (.tarSplit, "its files are right, its tar-split is not: \(text)")
        }
        return StoreFinding(
            kind: users.isEmpty ? .orphaned : kind, artifact: "layer \(id)", layer: id, reason: reason,
            images: users)
    }
}
