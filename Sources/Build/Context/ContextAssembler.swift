// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Sealer
internal import Spec
internal import YAML

/// Assembles the context of one build, step by step as the spec says. Nothing in it depends on the host, the day or an
/// earlier run.
final class ContextAssembler {
    let session: BuildSession
    /// The number of the build in the spec.
    let number: Int
    /// The tree that becomes the context.
    let files: ContextTree
    /// The layers of the base that the context took whole.
    private(set) var taken: Set<Digest> = []
    /// The YAML that the build ships outside charts, by path, before its references are rewritten; and whether a step names it.
    var shipped: [String: (node: FileNode, isNamed: Bool)] = [:]
    /// Paths whose step failed: later steps there are not judged.
    private var failed: Set<String> = []

    var inputs: BuildInputs { session.inputs }
    private var maker: any LayerMaker { session.maker }
    var problems: BuildProblems { session.problems }
    var spec: Spec { inputs.spec }

    init(_ number: Int, of session: BuildSession) {
        self.session = session
        self.number = number
        files = ContextTree(owner: session.maker.owner)
    }

    /// Takes all steps and writes the Kubefile.
    func assemble() throws(Failure) -> FileNode {
        let build = spec.builds[number]
        for (index, step) in build.context.enumerated() {
            let place = SpecPath.step(index, ofBuild: number)
            if let path = step.path, failed.contains(path) { continue }
            if inputs.absent.steps.contains(place) { problems.isIncomplete = true }
            let isAbsent = inputs.absent.isRead(by: step)
            let isDone: Void? = try problems.attempt(at: place) { () throws(Failure) in
                // An empty file takes the place of one that is missing, so that it is missed only once.
                if isAbsent, let path = step.path { return try put(path, content: .bytes([]), size: 0) }
                if isAbsent {
                    problems.isIncomplete = true
                    return
                }
                try take(step, at: place)
            }
            if isDone == nil || isAbsent, let path = step.path { failed.insert(path) }
        }
        if inputs.absent.steps.contains(.step(build.context.count, ofBuild: number)) {
            problems.isIncomplete = true
        }
        try problems.attempt(at: .build(number)) { () throws(Failure) in
            try files.write(Array(build.kubefile.utf8), to: "Kubefile")
        }
        return files.root
    }

    private func take(_ step: Spec.Step, at place: SpecPath) throws(Failure) {
        switch step {
        case .layer(let role, let paths): try copyLayer(role, paths: paths, at: place)
        case .putFile(let path, let name, let mode):
            let file = try locked(name)
            try put(
                path, content: .blob(file.descriptor, inputs.content), size: file.descriptor.size, mode: mode)
            ship(path)
        case .putRepacked(let path, let name, let mode): try putRepacked(path, name: name, mode: mode)
        case .putSaved(let path, let image, let mode): try putSaved(path, reference: image, mode: mode)
        case .unpack(let path, let name, let members, let strip):
            try unpack(locked(name), called: name, into: path, members: members, strip: strip ?? 0)
        case .remove(let paths):
            for path in paths {
                try problems.attempt(at: place) { () throws(Failure) in try remove(path) }
            }
        case .edit(let path, let remove, let set, let append):
            try edit(path, remove: remove, set: set, append: append ?? [])
        case .rewrite(let path): try rewrite(path)
        case .imageList(let patterns): try writeImageList(patterns)
        }
    }

    // MARK: layers

    private func copyLayer(_ role: String, paths: [String]?, at place: SpecPath) throws(Failure) {
        let tree: FileNode
        do throws(Failure) {
            let id = try layer(role)
            tree = try maker.tree(ofLayer: id)
            if paths == nil { taken.insert(id) }
        } catch {
            try problems.note(error, at: place)
            problems.isIncomplete = true
            return
        }
        let isSmall = session.isSmall(try layer(role))
        let isNamed = paths != nil || isSmall
        let patterns = paths?.map { PathPattern($0) }
        for (path, node) in Self.yaml(below: tree)
        where patterns?.contains(where: { $0.covers(path) }) ?? true {
            let before = shipped[path]?.isNamed ?? false
            shipped[path] = (node, isNamed || before)
        }
        guard let paths else { return try files.add(tree) }
        for path in paths {
            let isDone: Void? = try problems.attempt(at: place, isCertain: true) { () throws(Failure) in
                let found = try PathPattern(path).matches(in: tree)
                for (path, _) in found { try files.add(tree, at: path) }
                guard found.isEmpty else { return }
                throw Failure(
                    .input, "take from the layer '\(role)'", path,
                    because: "the layer has no such file or folder",
                    remedy: "correct the role or its paths in the spec")
            }
            if isDone == nil { failed.insert(path) }
        }
    }

    /// The YAML files of a layer outside charts.
    private static func yaml(below root: FileNode) -> [(path: String, node: FileNode)] {
        var found: [(path: String, node: FileNode)] = []
        var pending = [("", root)]
        while let (folder, node) = pending.popLast() {
            for (bytes, child) in node.children {
                guard let name = String(validating: bytes, as: UTF8.self) else { continue }
                let path = folder.isEmpty ? name : "\(folder)/\(name)"
                if child.isFolder {
                    pending.append((path, child))
                } else if isYAML(path), child.isFile {
                    found.append((path, child))
                }
            }
        }
        return found.filter { file in !file.path.split(separator: "/").contains("charts") }
    }

    static func isYAML(_ path: String) -> Bool { path.hasSuffix(".yaml") || path.hasSuffix(".yml") }

    /// Takes a file that a step wrote for one that the build ships.
    func ship(_ path: String) {
        guard Self.isYAML(path), let node = (try? files.root.find(Array(path.utf8))) ?? nil else { return }
        shipped[path] = (node, true)
    }

    /// The layer of the base that `role` means on this platform: the pinned one, else the topmost that has the file.
    private func layer(_ role: String) throws(Failure) -> Digest {
        guard let base = session.base, let selector = spec.base?.layers[role] else {
            throw Failure(.configuration, "find the layer", role, because: "the spec's base has no such role")
        }
        let ids = base.layerIDs
        let candidates = selector.id[inputs.platform.description].map { [$0] } ?? ids.reversed()
        for id in candidates where ids.contains(id) {
            guard let path = selector.holds else { return id }
            if PathPattern(path).holds(in: try maker.tree(ofLayer: id)) { return id }
        }
        throw Failure(
            .input, "find the layer '\(role)' of", base.name,
            because: selector.holds.map { "no layer that may be meant holds \($0)" }
                ?? "the base lacks the pinned layer",
            remedy: "correct base.layers.\(role) in the spec")
    }

    // MARK: files

    private func locked(_ name: String) throws(Failure) -> BuildInputs.File {
        guard let file = inputs.files[name] else {
            throw Failure(
                .input, "take the file", name, because: "there is none for \(inputs.platform)",
                remedy: "collect the bundle with --platform \(inputs.platform)")
        }
        return file
    }

    private func put(
        _ path: String, content: FileContent, size: Int64, mode: UInt32? = nil
    ) throws(Failure) {
        guard path != "Kubefile" else {
            throw Failure(
                .configuration, "put", path, because: "the build's own Kubefile takes that place",
                remedy: "choose another name")
        }
        try files.write(content, size: size, to: path, mode: mode)
    }

    private func putRepacked(_ path: String, name: String, mode: UInt32?) throws(Failure) {
        let file = try locked(name)
        let (content, size, outcome) = try session.repacked(file, called: name)
        try put(path, content: content, size: size, mode: mode)
        try checkStripping(of: path)
        guard outcome.programs.contains("dockerd") else { return }
        try repin(
            to: DockerVersionPins.version(ofTarball: file.url), isCertain: outcome.holdsMarker,
            tarball: file.url)
    }

    private func putSaved(_ path: String, reference: Reference, mode: UInt32?) throws(Failure) {
        guard let image = RegistryCatalog.meant(by: reference, among: inputs.images),
            let manifest = image.manifests.last
        else {
            throw Failure(
                .input, "save", reference.familiar, because: "there is none for \(inputs.platform)",
                remedy: "collect the bundle with --platform \(inputs.platform)")
        }
        session.noteSaved(image)
        let source = inputs.content
        let archived = DockerArchive.Image(references: [reference], manifest: manifest)
        try DockerArchive.check(archived, from: source)
        let file = try maker.makeFile(
            "save \(reference) \(manifest.descriptor.digest)", from: manifest.children
        ) {
            (target) throws(Failure) in
            try DockerArchive.write([archived], from: source, to: target)
        }
        try put(path, content: file.content, size: file.size, mode: mode)
        try checkRegistry(reference)
    }

    private func writeImageList(_ patterns: [String]) throws(Failure) {
        let images = ImagePattern.select(spec.images, matching: patterns)
        let absent = inputs.absent
        let mayMeanAbsent =
            absent.isListPartial || !ImagePattern.select(Array(absent.images), matching: patterns).isEmpty
        guard !images.isEmpty || mayMeanAbsent else {
            throw Failure(
                .configuration, "write", "imageList",
                because:
                    "no image of the spec for \(inputs.platform) matches \(patterns.joined(separator: ", "))",
                remedy: "correct the patterns of imageList in the spec")
        }
        try files.write(Array(ImagePattern.imageList(images, in: spec.registry).utf8), to: "imageList")
    }
}

extension Spec.Step {
    /// The path of the context that the step writes or changes; `nil` for a layer.
    fileprivate var path: String? {
        switch self {
        case .layer, .remove, .unpack: nil
        case .putFile(let path, _, _), .putRepacked(let path, _, _), .putSaved(let path, _, _): path
        case .edit(let path, _, _, _), .rewrite(let path): path
        case .imageList: "imageList"
        }
    }
}
