// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Sealer

/// Keeps the receipt of one apply while it runs, so that it can be undone from whatever moment it is killed at.
/// Used with the store's lock held.
struct ApplyRecord {
    private let store: Store
    private let earlier: [UInt8]?
    private let started: Receipt
    /// The applies since the run that this one continues, and what that one noted.
    private let since: (receipts: [Receipt], noted: [Receipt.Replaced])
    /// What earlier runs of this bundle have put there: one that was killed may have built other layers.
    private let left: (layers: Set<Digest>, images: Set<String>)

    /// Which apply it is.
    struct Identity: Sendable {
        var bundle: Digest
        var name: String
        var platform: Platform
        var signers: [Signer] = []
        var builder: String?
    }

    /// Notes what the store has before `apply` gives `names` to images. A run that continues where another one
    /// was killed keeps what that one noted, but for the names that another apply has given since: it is the last one
    /// then, and replaces what that one made.
    init(_ apply: Identity, store: Store, names: [Reference]) throws(Failure) {
        self.store = store
        let platform = apply.platform
        let path = Receipt.path(store: store.path, bundle: apply.bundle, platform: platform)
        let earlier = try Receipt.load(path)
        self.earlier = access(path, F_OK) == 0 ? try File.open(path).bytes(limit: Receipt.largestSize) : nil
        let survey = try store.survey()
        let receipts = try Receipt.all(in: store.path)
        let last = receipts.last?.sequence ?? 0
        let later = receipts.filter { $0.path != path && $0.sequence > earlier?.sequence ?? last }
        since = (later, earlier?.isDone == false ? earlier!.replaced : [])
        let taken = Set(later.filter { $0.platform == platform }.flatMap { $0.replaced.map(\.name) })
        let listed = survey.images.map(\.entry).filter { $0.platform.value == platform }
        let replaced = names.map { name -> Receipt.Replaced in
            let now = listed.first { $0.name == name.description }
            let noted = earlier?.replaced.first { $0.name == name.description }
            // An image of this very bundle is not what it replaced.
            let isOwn =
                earlier.map {
                    $0.isDone ? $0.images.contains { $0.id == now?.id } : !taken.contains(name.description)
                } ?? false
            return isOwn && noted != nil ? noted! : Receipt.Replaced(name: name.description, entry: now)
        }
        var layers = Set(survey.layers.filter(\.isWhole).map(\.id))
        var images = Set(survey.unlisted + survey.images.map(\.entry.id))
        let all = (layers: layers, images: images)
        if let noted = earlier?.before {
            (layers, images) = (Set(noted.layers), Set(noted.images))
        } else if let earlier {
            layers.subtract(earlier.added ?? [])
            images.subtract(earlier.images.map(\.id) + (earlier.abandoned ?? []))
        }
        let others = Self.others(than: path, names: names, receipts: receipts, survey: survey)
        left = (
            all.layers.subtracting(layers).subtracting(others.layers),
            all.images.subtracting(images).subtracting(others.images)
        )
        started = Receipt(
            path: path, sequence: earlier?.isDone == false && later.isEmpty ? last : last + 1, isDone: false,
            bundle: apply.bundle, name: apply.name, platform: platform,
            signers: apply.signers.isEmpty ? nil : apply.signers, builder: apply.builder, images: [],
            replaced: replaced,
            before: .init(layers: layers.sorted(), images: images.sorted()), added: nil)
    }

    /// What belongs to other receipts than that at `path`, and to images of other names.
    private static func others(
        than path: String, names: [Reference], receipts: [Receipt], survey: StoreSurvey
    ) -> (layers: [Digest], images: [String]) {
        let receipts = receipts.filter { $0.path != path }
        let listed = survey.images.filter { image in !names.contains { $0.description == image.entry.name } }
        return (
            receipts.flatMap { $0.images.flatMap { $0.layers.map(\.id) } + ($0.added ?? []) }
                + listed.flatMap { $0.image?.layerIDs ?? [] },
            receipts.flatMap { $0.images.map(\.id) + $0.replaced.compactMap { $0.entry?.id } }
                + listed.map(\.entry.id)
        )
    }

    /// Puts the receipt of a run that has not ended in place.
    func begin() throws(Failure) { try started.save() }

    /// Puts the receipt of the finished run in place and returns it.
    func end(images: [SealerImage]) throws(Failure) -> Receipt {
        var receipt = started
        receipt.isDone = true
        receipt.images = images.map { image in
            Receipt.Image(
                name: image.name, id: image.id, platform: receipt.platform,
                layers: image.layers.compactMap { layer in
                    layer.id.map { Receipt.Layer(id: $0, type: layer.type, value: layer.value) }
                })
        }
        let before = Set(started.before?.layers ?? [])
        receipt.added = left.layers.union(images.flatMap(\.layerIDs)).subtracting(before).sorted()
        let abandoned = left.images.subtracting(images.map(\.id)).sorted()
        receipt.abandoned = abandoned.isEmpty ? nil : abandoned
        receipt.before = nil
        try relink(Set(images.map(\.id)))
        try receipt.save()
        return receipt
    }

    /// What a killed run of this bundle had listed is no image that another apply replaced: that has the one before it.
    private func relink(_ own: Set<String>) throws(Failure) {
        for var other in since.receipts where other.platform == started.platform {
            for (index, replaced) in other.replaced.enumerated() {
                guard let id = replaced.entry?.id, own.contains(id),
                    let noted = since.noted.first(where: { $0.name == replaced.name })
                else { continue }
                other.replaced[index] = noted
                try other.save()
            }
        }
    }

    /// Puts back the receipt that was there before, byte for byte; where there was none, nothing is left of this one.
    func takeBack() throws(Failure) {
        if let earlier { return try AtomicWrite.write(earlier, to: started.path) }
        try started.remove()
        // Folders that hold other receipts stay.
        let folder = Receipt.folder(of: store.path)
        if rmdir(folder) == 0 { rmdir("\(store.path)/sealift") }
    }
}
