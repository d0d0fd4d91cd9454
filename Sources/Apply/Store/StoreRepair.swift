// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
package import OCI
package import Sealer

/// Repairs a store from bundles: what is damaged or missing is made again in a store beside it, as an apply makes
/// it, takes its place, and is verified there. All methods block.
package struct StoreRepair: Sendable {
    /// What came of it.
    package struct Outcome: Sendable, Encodable {
        /// What was wrong and is right now.
        package var repaired: [StoreFinding] = []
        /// What is wrong still: no bundle that was given makes it.
        package var left: [StoreFinding] = []
    }

    private let store: Store
    private let settings: BuildSettings
    private let events: @Sendable (ApplyEvent) -> Void

    /// Prepares to repair `store`.
    /// - Parameter settings: how damaged layers of builds are made again.
    package init(
        _ store: Store, settings: BuildSettings = BuildSettings(),
        events: @escaping @Sendable (ApplyEvent) -> Void
    ) {
        self.store = store
        self.settings = settings
        self.events = events
    }

    /// Repairs what `findings` of a check name, as far as `bundles` go. What is harmless is left as it is.
    ///
    /// What was put in place is read again there: only what is right then counts as repaired, and the rest is as it was.
    /// - Throws: a ``Failure``, of kind `busy` where another process is at work in the store. Whatever was repaired
    ///   until then is; listed images have all the layers that they had at every moment.
    package func run(_ findings: [StoreFinding], from bundles: [Bundle]) throws(Failure) -> Outcome {
        var outcome = Outcome(left: findings.filter { !$0.isHarmless })
        if outcome.left.isEmpty { return outcome }
        let writer = try store.writer()
        try settle(&outcome, writer: writer) { (finding) throws(Failure) in
            guard finding.kind == .tarSplit, let id = finding.layer else { return false }
            // Where this fails the tar was another maker's, and a bundle may still have it.
            return (try? writer.rebuildTarSplit(of: id)) != nil
        }
        for bundle in bundles {
            for platform in bundle.spec.platforms where !outcome.left.isEmpty {
                try repair(&outcome, from: bundle, for: platform, writer: writer)
            }
        }
        return outcome
    }

    private func repair(
        _ outcome: inout Outcome, from bundle: Bundle, for platform: Platform, writer: StoreWriter
    ) throws(Failure) {
        // An image that has lost its file says nothing of its layers: then everything may be needed.
        let folder = try writer.stagingFolder()
        let other = try Store(at: "\(folder)/store")
        let applier = try Applier(
            bundle, store: other.path, platform: platform, settings: settings, events: events)
        let wanted = Set(outcome.left.compactMap(\.layer))
        let isInBase = outcome.left.allSatisfy { $0.layer.map(applier.isBaseLayer) ?? false }
        if isInBase { try applier.importBaseLayers(wanted) } else { _ = try applier.run() }
        try settle(&outcome, writer: writer) { (finding) throws(Failure) in
            if let id = finding.layer {
                guard other.hasLayer(id) else { return false }
                try writer.replaceLayer(id, from: other)
                return true
            }
            return try restoreImage(finding, from: other, writer: writer)
        }
        try writer.discard(folder)
    }

    /// Puts the file of a listed image back, and those of its layers that are not as they should be.
    private func restoreImage(
        _ finding: StoreFinding, from other: Store, writer: StoreWriter
    ) throws(Failure) -> Bool {
        guard let image = try store.survey().images.first(where: { finding.artifact == "image \($0.title)" }),
            try writer.restoreImageFile(image.entry.id, from: other)
        else { return false }
        // The check could not know which layers are its own.
        let restored = try store.survey().images.first { $0.entry.id == image.entry.id }
        for id in restored?.image?.layerIDs ?? [] where other.hasLayer(id) && store.faultOfLayer(id) != nil {
            try writer.replaceLayer(id, from: other)
        }
        return true
    }

    /// Moves the findings that `repair` says that it has repaired, where they are right then.
    private func settle(
        _ outcome: inout Outcome, writer: StoreWriter, repair: (StoreFinding) throws(Failure) -> Bool
    ) throws(Failure) {
        var left: [StoreFinding] = []
        for finding in outcome.left {
            var isRight = false
            do throws(Failure) {
                try writer.transaction { () throws(Failure) in
                    guard try repair(finding) else { return }
                    if let fault = try fault(of: finding) { throw fault }
                    isRight = true
                }
            } catch  where error.kind == .data {
                events(.note("\(finding.artifact) could not be repaired: \(error.reason)"))
            }
            if isRight { outcome.repaired.append(finding) } else { left.append(finding) }
        }
        outcome.left = left
    }

    /// What is still wrong with what `finding` is about; `nil` where it is right.
    private func fault(of finding: StoreFinding) throws(Failure) -> Failure? {
        var reason: String?
        if let id = finding.layer {
            reason = store.faultOfLayer(id)
        } else if let image = try store.survey().images.first(where: {
            finding.artifact == "image \($0.title)"
        }) {
            reason = image.fault
            for id in image.image?.layerIDs ?? [] where reason == nil { reason = store.faultOfLayer(id) }
        }
        return reason.map { Failure(.data, "repair", finding.artifact, because: $0) }
    }
}

extension Applier {
    /// Whether the layer belongs to the bundle's base.
    func isBaseLayer(_ id: Digest) -> Bool { base?.layers.contains { $0.id == id } ?? false }

    /// Brings these layers of the base into the store and lists nothing.
    func importBaseLayers(_ ids: Set<Digest>) throws(Failure) {
        let writer = try store.writer()
        let source = ObservedSource(inner: try source()) { events(.read(bytes: $0)) }
        for layer in base?.layers ?? [] where ids.contains(layer.id) {
            try writer.importLayer(layer.blob, from: source, id: layer.id, repository: base?.reference)
        }
    }
}
