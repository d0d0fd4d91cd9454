// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import Spec

/// The container images of a build: what names them, and the layer that holds them.
extension LiteBuild {
    /// The images that are meant, each once, ordered; and a note for each name in a block of a template that
    /// is not at hand and may not be needed.
    /// - Throws: a ``Failure`` of kind `input` that names every one that is not at hand, unless `problems` takes it.
    func resolve(
        _ mentions: [BuildImageScan.Mention], problems: BuildProblems, at place: SpecPath
    ) throws(Failure) -> (found: [RegistryImage], notes: [String]) {
        let catalog = RegistryCatalog(images, registry: registry)
        var found: [Reference: RegistryImage] = [:]
        var (missing, notes): ([String], [String]) = ([], [])
        for mention in mentions where !isNoImage(mention.text) {
            switch try standing(of: mention, in: catalog) {
            case .carried(let image): found[image.reference] = image
            case .beyond: break
            case .leftOut(let note): notes.append("\(mention.place): \(note)")
            case .missing(let fault): missing.append("\(mention.place): \(fault)")
            }
        }
        if !missing.isEmpty {
            let failure = Failure(
                .input, "build", name.description,
                because: "images that its files name are not at hand:\n    "
                    + missing.joined(separator: "\n    "),
                remedy:
                    "add them to `images` of the spec and collect again, or correct the names; what only looks like an image "
                    + "goes into `notImages`")
            try problems.note(failure, at: place)
        }
        return (found.sorted { $0.key < $1.key }.map(\.value), notes)
    }

    /// Whether an image that a file names is at hand.
    private enum Standing {
        case carried(RegistryImage)
        /// Another list than the bundle's says whether it is there.
        case beyond
        /// Not at hand, and perhaps not needed: why.
        case leftOut(String)
        /// Not at hand, and needed.
        case missing(String)
    }

    private func standing(
        of mention: BuildImageScan.Mention, in catalog: RegistryCatalog
    ) throws(Failure) -> Standing {
        let shown = mention.text.prefix(80)
        if let fault = mention.faultInChart {
            return .leftOut("'\(shown)' is no image (\(fault)), and is left out")
        }
        do throws(Failure) {
            let reference = try Reference(mention.text)
            if let image = try catalog.image(reference) { return .carried(image) }
            if absent.holds(reference) || absent.isListPartial { return .beyond }
            let near = catalog.near(reference).map(\.familiar)
            let hint = near.isEmpty ? "" : " (there is \(near.joined(separator: ", ")))"
            guard !mention.isCertain else { return .missing(mention.text + hint) }
            let why =
                mention.isListed
                ? "only a packed chart or a list names it" : "it is in a block of a template"
            return .leftOut("the image '\(mention.text)' is not at hand\(hint), and is left out: \(why)")
        } catch {
            if error.operation == "save the images" { throw error }
            return .missing("\(error.reason) ('\(shown)')")
        }
    }

    /// The tree of the layer that sealer calls `rootfs cache`: `registry/`, and `Metadata` where a chart changes it;
    /// `nil` where there is neither.
    func saved(
        _ images: [RegistryImage], metadata: [UInt8]?, owner: FileOwner
    ) throws(Failure) -> FileNode? {
        if images.isEmpty && metadata == nil { return nil }
        let root = FileNode.root()
        try RegistryTree(images).add(to: root, from: content, owner: owner, time: time)
        if let metadata {
            let attributes = FileNode.Attributes(
                mode: 0o644, uid: owner.uid, gid: owner.gid, time: .init(seconds: time))
            let file = FileNode(.file(.bytes(metadata), size: Int64(metadata.count)), attributes: attributes)
            root.put(file, as: Array("Metadata".utf8))
        }
        return root
    }

    /// The image's `Metadata` with the version of Kubernetes that a chart demands, as sealer writes it; `nil`
    /// where it says so already.
    func metadata(
        for version: String?, own: [FileNode], base: [SealerImage.Layer], by maker: any LayerMaker,
        _ notes: inout [String]
    ) throws(Failure) -> [UInt8]? {
        guard let version, !version.isEmpty else { return nil }
        let name = Array("Metadata".utf8)
        var file = own.last { $0.children[name]?.isFile == true }?.children[name]
        for id in base.compactMap(\.id).reversed() where file == nil {
            let node = try maker.tree(ofLayer: id).children[name]
            if node?.isFile == true { file = node }
        }
        guard let file else {
            notes.append(
                "a chart asks for Kubernetes \(version), and no layer has a Metadata to say so in")
            return nil
        }
        let old = try Tree(json: file.bytes(limit: 1 << 20, artifact: "Metadata"), artifact: "Metadata")
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
}
