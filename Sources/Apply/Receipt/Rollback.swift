// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer

/// Undoes an apply from its receipt: the images that it listed are listed no more, and what had their names
/// before has them again; then the layers go that it brought and no image needs; the receipt goes last.
///
/// One that is killed is finished by the same command. All methods block.
package struct Rollback: Sendable {
    /// What was done, or would be.
    package struct Outcome: Sendable, Encodable {
        /// The bundle whose apply is undone.
        package var bundle: Digest
        /// The name in its spec.
        package var name: String
        /// The images that are listed no more, or have another content again.
        package var images: [Change]
        /// The layers that are removed.
        package var layers: [Digest]
        /// Bytes on the medium that this frees.
        package var bytes: Int64
        /// What a person should look at, a sentence each.
        package var notes: [String]
    }

    /// What becomes of one name.
    package struct Change: Sendable, Encodable {
        /// The full name with its tag.
        package var name: String
        /// The id of the image that has it now.
        package var from: String
        /// The id of the image that has it then; `nil` for none.
        package var to: String?
    }

    private let store: Store
    private let receipt: Receipt

    /// Takes the last apply to the store at `path`, or the last one of `bundle` and `platform` where they are
    /// given; `nil` where there is none.
    package init?(store path: String, bundle: Digest?, platform: Platform?) throws(Failure) {
        store = try Store(at: path)
        let receipts = try Receipt.all(in: store.path).filter {
            $0.bundle == bundle ?? $0.bundle && $0.platform == platform ?? $0.platform
        }
        guard let last = receipts.last else { return nil }
        receipt = last
    }

    /// What ``run()`` would do. Changes nothing.
    /// - Throws: a ``Failure`` of kind `busy` that names what depends on the apply.
    package func plan() throws(Failure) -> Outcome { try work(nil) }

    /// Undoes the apply.
    /// - Throws: a ``Failure`` of kind `busy` that names what depends on it, or who uses the store; then
    ///   nothing is changed.
    package func run() throws(Failure) -> Outcome { try work(try store.writer()) }

    private func work(_ writer: StoreWriter?) throws(Failure) -> Outcome {
        let survey = try store.survey()
        var outcome = Outcome(
            bundle: receipt.bundle, name: receipt.name, images: [], layers: [], bytes: 0, notes: [])
        let changes = try self.changes(survey, outcome: &outcome)
        let added = self.added(survey)
        try refuseDependents(survey, on: added)
        // What the store would list then decides on what goes.
        var kept = Set(changes.compactMap { $0.old?.id })
        let own =
            receipt.before.map { before in { !before.images.contains($0) } }
            ?? { id in
                receipt.images.contains { $0.id == id } || receipt.abandoned?.contains(id) == true
            }
        kept.formUnion(survey.unlisted.filter { !own($0) })
        let others = survey.images.filter { image in !changes.contains { $0.new == image.entry } }
        let gone = Set(changes.map(\.new.id)).subtracting(kept).subtracting(others.map(\.entry.id))
        let garbage = try store.garbage(keeping: kept, without: gone).filter { item in
            item.layer.map(added.contains) ?? item.image.map { gone.contains($0) || own($0) } ?? false
        }
        outcome.layers = garbage.compactMap(\.layer)
        outcome.bytes = garbage.clampedTotal(\.bytes)
        if let writer {
            try writer.refuseUsed(garbage)
            try writer.transaction { () throws(Failure) in
                try writer.relist(changes)
                try writer.remove(garbage)
                try receipt.remove()
            }
        }
        return outcome
    }

    /// The entries of the list to be changed.
    private func changes(
        _ survey: StoreSurvey, outcome: inout Outcome
    ) throws(Failure) -> [(new: StoredImage, old: StoredImage?)] {
        var changes: [(new: StoredImage, old: StoredImage?)] = []
        for replaced in receipt.replaced {
            guard
                let now = survey.images.map(\.entry).first(where: {
                    $0.name == replaced.name && $0.platform.value == receipt.platform
                }), now.id != replaced.entry?.id
            else { continue }
            if receipt.isDone, !receipt.images.contains(where: { $0.name == now.name && $0.id == now.id }) {
                let other = try Receipt.all(in: store.path).last { $0.images.contains { $0.id == now.id } }
                throw refuse(
                    "\(now.name) is another image by now, \(now.id)",
                    remedy: other.map { "roll back the apply of \($0.name) first, the bundle \($0.bundle)" }
                        ?? "remove that one first (`sealer rmi`)")
            }
            var old = replaced.entry
            if let entry = old, !store.isWhole(entry) {
                outcome.notes.append(
                    "\(entry.name) was the image \(entry.id) before, which the store has no more")
                old = nil
            }
            outcome.images.append(Change(name: now.name, from: now.id, to: old?.id))
            changes.append((now, old))
        }
        return changes
    }

    /// The layers that the apply brought.
    private func added(_ survey: StoreSurvey) -> Set<Digest> {
        if let added = receipt.added { return Set(added) }
        return Set(survey.layers.map(\.id)).subtracting(receipt.before?.layers ?? [])
    }

    /// Images that are not the apply's own and have a layer that it brought.
    private func refuseDependents(_ survey: StoreSurvey, on added: Set<Digest>) throws(Failure) {
        let own = Set(receipt.replaced.map(\.name))
        let dependents = survey.images.filter { image in
            !(own.contains(image.entry.name) && image.entry.platform.value == receipt.platform)
                && image.image?.layerIDs.contains(where: added.contains) == true
        }
        guard !dependents.isEmpty else { return }
        throw refuse(
            "images that others made need its layers: " + dependents.map(\.title).joined(separator: ", "),
            remedy: "remove these images first (`sealer rmi`), or leave it as it is")
    }

    private func refuse(_ reason: String, remedy: String) -> Failure {
        Failure(.busy, "roll back the apply of", receipt.name, because: reason, remedy: remedy)
    }
}
