// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// The container images of a build: what names them, and the layer that holds them.
extension LiteBuild {
    /// Looks for the images that the files of the context name, as they will lie in the image, before
    /// anything is built.
    /// - Throws: a ``Failure`` that names every one that is not at hand, or two that would be one in the cluster.
    func preview(
        _ listed: [ImageScan.Mention], of context: Folder, in writer: StoreWriter
    ) throws(Failure) {
        let folder = try writer.stagingFolder()
        do throws(Failure) {
            let scanned = [Array("manifests".utf8), Array("charts".utf8)]
            let tree = CopyTree(into: try Folder.open(folder), time: time) { place in
                scanned.contains(place[0]) && place.last != AuthImageList.name
            }
            for instruction in kubefile.instructions where instruction.keyword == .copy {
                let (paths, destination) = try sources(instruction, in: context)
                for path in paths { try tree.copy(path, of: context, to: destination) }
            }
            _ = try RegistryTree(try resolve(listed + ImageScan(layers: [folder]).mentions).found)
            try writer.discard(folder)
        } catch {
            try? writer.discard(folder)
            throw error
        }
    }

    /// The images that are meant, each once, ordered; and a note for each name in a block of a template that
    /// is not at hand and may not be needed.
    func resolve(
        _ mentions: [ImageScan.Mention]
    ) throws(Failure) -> (found: [RegistryImage], notes: [String]) {
        let catalog = RegistryCatalog(images, registry: registry)
        var found: [Reference: RegistryImage] = [:]
        var (missing, notes): ([String], [String]) = ([], [])
        for mention in mentions {
            do throws(Failure) {
                let reference = try Self.reference(mention)
                if let image = try catalog.image(reference) {
                    found[image.reference] = image
                    continue
                }
                let near = catalog.near(reference).map(\.familiar)
                let hint = near.isEmpty ? "" : " (there is \(near.joined(separator: ", ")))"
                guard mention.isCertain else {
                    notes.append(
                        "\(mention.place): the image '\(mention.text)' is not at hand\(hint), and is left out: "
                            + "it stands in a block of a template")
                    continue
                }
                missing.append("\(mention.place): \(mention.text)\(hint)")
            } catch {
                if error.operation == "save the images" { throw error }
                missing.append("\(mention.place): \(error.reason) ('\(mention.text.prefix(80))')")
            }
        }
        guard missing.isEmpty else {
            throw Failure(
                .input, "build", name.description,
                because: "images that its files name are not at hand:\n    "
                    + missing.joined(separator: "\n    "),
                remedy: "add them to `images` of the spec and collect again, or correct the names")
        }
        return (found.sorted { $0.key < $1.key }.map(\.value), notes)
    }

    private static func reference(_ mention: ImageScan.Mention) throws(Failure) -> Reference {
        let reference = try Reference(mention.text)
        guard reference.tag != nil, reference.digest == nil else {
            throw Failure(
                .configuration, "read the image reference", mention.text,
                because: "sealer saves images by tag, and this one has a digest")
        }
        return reference
    }

    /// The layer that sealer calls `rootfs cache`: `registry/`, and `Metadata` where a chart changes it.
    func save(
        _ images: [RegistryImage], _ metadata: [UInt8]?, in writer: StoreWriter
    ) throws(Failure) -> StagedLayer? {
        if images.isEmpty && metadata == nil { return nil }
        let tree = try RegistryTree(images)
        return try writer.stageLayer { (files) throws(Failure) in
            if !images.isEmpty { try tree.write(below: files, from: content, time: time) }
            guard let metadata else { return }
            let context = try BuildContext(at: files, time: time)
            try context.write(metadata, to: "Metadata")
            try context.finish()
        }
    }

    /// The image's `Metadata` with the version of Kubernetes that a chart demands, as sealer writes it; `nil`
    /// where it says so already.
    func metadata(
        for version: String?, own: [String], base: [SealerImage.Layer], in store: Store,
        _ notes: inout [String]
    ) throws(Failure) -> [UInt8]? {
        guard let version, !version.isEmpty else { return nil }
        for folder in own.reversed() + base.compactMap(\.id).reversed().map(store.layerFolder) {
            let file: File
            do throws(Failure) { file = try Folder.open(folder).file(Array("Metadata".utf8)) } catch {
                if error.kind == .input { continue }
                throw error
            }
            let old = try Tree(json: file.bytes(limit: 1 << 20), artifact: file.path)
            if old["kubeVersion"]?.string == version { return nil }
            let new: Tree = .fields([
                "version": old["version"] ?? .string(""), "arch": old["arch"] ?? .string(""),
                "variant": old["variant"] ?? .string(""), "kubeVersion": .string(version),
                "NydusFlag": old["NydusFlag"] ?? .bool(false),
                "ClusterRuntime": old["ClusterRuntime"] ?? .string(""),
            ])
            // Two blanks a level; a tab in a text is written as \t.
            return new.json(indented: true).flatMap { $0 == 0x09 ? [0x20, 0x20] : [$0] }
        }
        notes.append("a chart asks for Kubernetes \(version), and no layer has a Metadata to say so in")
        return nil
    }
}
