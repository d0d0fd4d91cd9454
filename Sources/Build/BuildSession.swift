// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer
internal import Spec

/// The builds of a spec for one platform, one after another: each assembles its context, then runs its Kubefile.
///
/// The same session code runs on both sides of the gap; only its ``LayerMaker`` differs.
package final class BuildSession {
    /// What the builds take.
    package let inputs: BuildInputs
    /// The base, where the spec has one.
    package let base: SealerImage?
    /// What makes their layers.
    package let maker: any LayerMaker
    /// What takes their mistakes.
    package var problems: BuildProblems
    let note: (String) -> Void
    /// Layers of the base of which every YAML file is taken for one that the build is about.
    package var smallLayers: Set<Digest> = []
    /// The YAML that the build prepared last ships, before its references are rewritten, and whether a step names it.
    package private(set) var shipped: [(path: String, node: FileNode, isNamed: Bool)] = []
    /// The manifests of the container images that the builds save so far: nodes pull these, so their layers matter.
    package private(set) var saved: Set<Digest> = []
    private var repacks: [Digest: TarballRepacker.Outcome] = [:]
    private var archives: [Digest: [ArchiveMember]] = [:]

    /// Prepares the builds of `inputs`.
    /// - Parameter note: given what a person should look at, a sentence each.
    package init(
        _ inputs: BuildInputs, base: SealerImage?, maker: any LayerMaker, problems: BuildProblems,
        note: @escaping (String) -> Void
    ) {
        self.inputs = inputs
        self.base = base
        self.maker = maker
        self.problems = problems
        self.note = note
    }

    /// The context of the build of that number, and the Kubefile that runs over it.
    /// - Parameter arguments: values of ARG.
    /// - Throws: a ``Failure``, unless the problems take it.
    package func prepare(_ number: Int, arguments: [String: String] = [:]) throws(Failure) -> LiteBuild {
        let build = inputs.spec.builds[number]
        problems.isIncomplete = false
        let assembler = ContextAssembler(number, of: self)
        let context = try assembler.assemble()
        shipped = assembler.shipped.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.node, $0.value.isNamed)
        }
        let kubefile = try BuildInputs.kubefile(build, problems: problems, at: .build(number))
        var lite = LiteBuild(
            kubefile, as: build.tag, context: context, platform: inputs.platform, content: inputs.content)
        lite.arguments = arguments.filter { kubefile.mentions($0.key) }
        lite.images = inputs.images
        lite.absent = inputs.absent
        lite.isBaseUnknown = isBaseUnknown(number)
        lite.registry = inputs.spec.registry
        lite.isNoImage = inputs.spec.isNoImage
        lite.carried = try carried(build, kubefile: kubefile, taken: assembler.taken)
        return lite
    }

    /// Whether what a build is built from is not known: FROM is missing, or names a base that is, or such a build.
    private func isBaseUnknown(_ number: Int) -> Bool {
        let (spec, absent) = (inputs.spec, inputs.absent)
        if absent.kubefiles.contains(number) { return true }
        guard let from = spec.builds[number].from, from != "scratch", absent.isBaseMissing,
            let reference = try? Reference(from, defaults: .sealer)
        else { return false }
        return !spec.builds[..<number].contains { $0.tag.unpinned == reference.unpinned }
    }

    /// Builds what ``prepare(_:arguments:)`` has given; the image is not listed anywhere yet.
    package func run(_ lite: LiteBuild, number: Int) throws(Failure) -> LiteBuild.Outcome {
        let outcome = try lite.run(by: maker, problems: problems, at: .build(number))
        for text in outcome.notes { note(text) }
        for image in inputs.images where outcome.saved.contains(image.reference) { noteSaved(image) }
        return outcome
    }

    /// Notes that a build saves the image.
    func noteSaved(_ image: RegistryImage) {
        if let manifest = image.manifests.last { saved.insert(manifest.descriptor.digest) }
    }

    /// The layers of the base that hold container images and that a build from nothing would lose, because
    /// its context takes only some layers of the base (sealer rule 6.3).
    private func carried(
        _ build: Spec.Build, kubefile: Kubefile, taken: Set<Digest>
    ) throws(Failure) -> [SealerImage.Layer] {
        guard let base, !taken.isEmpty, try kubefile.base() == "scratch" else { return [] }
        let repositories = Array("registry/docker/registry/v2/repositories".utf8)
        var lost: [SealerImage.Layer] = []
        for layer in base.layers {
            guard let id = layer.id, !taken.contains(id), !lost.contains(where: { $0.id == id }),
                let tree = try? maker.tree(ofLayer: id), (try? tree.find(repositories))??.isFolder == true
            else { continue }
            lost.append(layer)
        }
        if !lost.isEmpty {
            let layers =
                lost.count == 1
                ? "a layer of the base that no step takes holds container images; it goes"
                : "\(lost.count) layers of the base that no step takes hold container images; they go"
            note("\(build.tag.path): \(layers) into the image too")
        }
        return lost
    }

    func isSmall(_ layer: Digest) -> Bool { smallLayers.contains(layer) }

    /// A file of the spec, repacked once.
    func repacked(
        _ file: BuildInputs.File, called name: String
    ) throws(Failure) -> (content: FileContent, size: Int64, outcome: TarballRepacker.Outcome) {
        let digest = file.descriptor.digest
        let marker = Array((DockerVersionPins.version(ofTarball: file.url) ?? "").utf8)
        let source = inputs.content
        var outcome = repacks[digest]
        let made = try maker.makeFile("repack \(digest)", from: [file.descriptor]) {
            (target) throws(Failure) in
            outcome = try TarballRepacker(marker: marker).write(
                { () throws(Failure) in try source.open(file.descriptor) }, artifact: name, to: target)
        }
        repacks[digest] = outcome
        return (made.content, made.size, outcome ?? TarballRepacker.Outcome())
    }

    /// The members of a file of the spec that is an archive, and the file that has their contents one after another;
    /// `nil` where its content is not at hand yet.
    func unpacked(
        _ file: BuildInputs.File, called name: String
    ) throws(Failure) -> (members: [ArchiveMember], contents: File)? {
        let (blob, source) = (file.descriptor, inputs.content)
        let digest = blob.digest
        let packed = try maker.makeFile("keep \(digest)", from: [blob]) { (target) throws(Failure) in
            var stream = try source.open(blob)
            var written: Int64 = 0
            try stream.forEachChunk { (bytes) throws(Failure) in
                try target.write(bytes, at: written)
                written += Int64(bytes.count)
            }
        }
        guard case .made(let archive) = packed.content else { return nil }
        let made = try maker.makeFile("unpack \(digest)", from: [blob]) { (target) throws(Failure) in
            archives[digest] = try ArchiveUnpacker(archive, size: packed.size, artifact: name).members(
                to: target)
        }
        guard case .made(let contents) = made.content, let members = archives[digest] else { return nil }
        return (members, contents)
    }
}
