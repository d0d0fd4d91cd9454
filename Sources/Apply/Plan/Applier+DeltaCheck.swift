// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import YAML
package import OCI
internal import Spec

/// A delta is complete only together with what it builds on: that is looked at before anything is read.
extension Applier {
    /// The blobs that this apply reads and this host lacks: neither the bundle nor those given with it, nor
    /// the store. What is only for other platforms, or done already, is not asked for.
    func missing(_ plan: ApplyPlan, source: ApplySource) throws(Failure) -> [BundlePlan.Item] {
        if bundle.missing.isEmpty { return [] }
        var read = Set((base?.layers ?? []).filter { !store.hasLayer($0.id) }.map(\.blob.digest))
        if !plan.steps.allSatisfy(\.isDone) {
            for case .putFile(_, let name, _) in steps { add(name, to: &read) }
            for case .unpack(_, let name, _, _) in steps { add(name, to: &read) }
            for case .putRepacked(_, let name, _) in steps { add(name, to: &read) }
            // Any image may be named by YAML that a build ships, which only the build itself can tell.
            for image in bundle.images where image.reference != base?.reference {
                read.formUnion((image.instance(for: platform)?.children ?? []).map(\.digest))
            }
        }
        return bundle.missing.filter {
            read.contains($0.descriptor.digest) && !source.contains($0.descriptor.digest)
        }
    }

    private var steps: [Spec.Step] { spec.builds.flatMap(\.context) }

    private func add(_ name: String, to read: inout Set<Digest>) {
        if let file = bundle.file(name, for: platform) { read.insert(file.digest) }
        for chart in bundle.images.chartFiles(of: bundle.spec) where chart.name == name {
            read.insert(chart.descriptor.digest)
        }
    }

    /// Refuses to begin what cannot be finished.
    /// - Throws: a ``Failure`` of kind `input` that names what is missing, what it belongs to, and its size.
    package func checkComplete(_ plan: ApplyPlan) throws(Failure) {
        try checkComplete(plan, source: source())
    }

    func checkComplete(_ plan: ApplyPlan, source: ApplySource) throws(Failure) {
        let missing = try missing(plan, source: source)
        if missing.isEmpty { return }
        let owners = Dictionary(grouping: missing, by: \.owner).sorted { $0.key < $1.key }
        let shown = owners.prefix(20).map { owner, items in
            "\n  \(owner): \(items.count) of \(items.bytes) bytes, the first is \(items[0].descriptor.digest)"
        }
        let more = owners.count > shown.count ? "\n  and of \(owners.count - shown.count) more" : ""
        throw Failure(
            .input, "apply", bundle.path,
            because:
                "it is a delta, and \(missing.count) blobs of \(missing.bytes) bytes that it leaves out are not here:"
                + shown.joined() + more,
            remedy: "name the bundle that it builds on with --with, or collect it again, "
                + "--since what `sealift inventory` prints on this host")
    }
}
