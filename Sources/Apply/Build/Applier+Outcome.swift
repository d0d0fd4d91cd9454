// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Sealer

extension Applier {
    /// Compares an image with the ids that the connected host derived for it and the bundle records.
    /// - Throws: a ``Failure`` of kind `data` that names the first layer, or the id, that differs.
    func checkOutcome(_ image: SealerImage, named name: Reference) throws(Failure) {
        guard let expected = bundle.outcome?.image(name, for: platform), let id = expected.id,
            let layers = expected.layers
        else { return }
        guard geteuid() == 0 else {
            return events(.note("\(name.path): the recorded ids are those of root, so they are not compared"))
        }
        func refuse(_ reason: String, isRun: Bool = false) -> Failure {
            Failure(
                .data, "build", name.description, because: reason,
                remedy: isRun
                    ? "the command gives other files with this host's programs than on the connected host: collect "
                        + "without --rehearse-run, or make it independent of host and moment"
                    : "do not use what was built; check the bundle with `sealift verify` and the store with "
                        + "`sealift store check`, then run it again; if it stays so, report it")
        }
        let made = image.layers.filter { $0.id != nil }
        for (index, layer) in made.enumerated() where index >= layers.count || layer.id != layers[index] {
            if layer.type == "RUN", !settings.arguments.isEmpty {
                return events(
                    .note("\(name.path): what its RUN made depends on --build-arg and is not compared"))
            }
            let recorded = index < layers.count ? "\(layers[index])" : "no such layer"
            throw refuse(
                "its layer \(index + 1) of \(made.count), \(layer.type) \(layer.value), is \(layer.id!); "
                    + "the bundle records \(recorded)", isRun: layer.type == "RUN")
        }
        guard made.count == layers.count else {
            throw refuse("it has \(made.count) layers, and the bundle records \(layers.count)")
        }
        // Arguments are part of an image's id: those that were recorded are the Kubefile's own.
        guard settings.arguments.isEmpty else {
            return events(.note("\(name.path): its layers are those recorded; its id depends on --build-arg"))
        }
        guard image.id == id else { throw refuse("its id is \(image.id), and the bundle records \(id)") }
    }
}
