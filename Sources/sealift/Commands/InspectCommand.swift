// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Build
internal import BundleFormat
internal import OCI
internal import SBOM
internal import Spec

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what a bundle holds and builds, without reading its layers.",
        discussion: """
            EXAMPLES:
              sealift inspect k8s.sealift --layers
              sealift inspect k8s.sealift --html k8s.html
              sealift inspect k8s.sealift --sbom k8s.spdx.json
              sealift inspect k8s.sealift --json | jq '.sizes.artifacts | max_by(.size)'
              sealift inspect k8s-2.sealift --with k8s-1.sealift   # what a delta requires
            """)

    @OptionGroup var source: BundleOptions
    @Flag(help: "Show each layer with its digest and size.")
    var layers = false
    @Flag(
        help:
            "Print all of it as JSON: sizes by artifact, platform and layer, the spec, the lock, signers, outcome."
    )
    var json = false
    @Option(
        help: ArgumentHelp(
            "Write it as one page for a browser, which loads nothing: bytes as a picture, artifacts to search, builds, signatures; with --sbom, packages.",
            valueName: "file"), completion: .file(extensions: ["html"]))
    var html: String?
    @Option(
        help: ArgumentHelp(
            "Write which software it carries as an SPDX document, for which every layer is read.",
            valueName: "file"), completion: .file(extensions: ["json"]))
    var sbom: String?
    @OptionGroup var words: OutputOptions

    func validate() throws {
        if json, html != nil || sbom != nil {
            throw ValidationError("--json and --html or --sbom exclude each other")
        }
    }

    func run() async throws {
        let bundle = try await source.open()
        var listed: SBOM?
        if let sbom { listed = try await SBOMFile(path: sbom).write(of: bundle) }
        if let html {
            try await onThread { [listed] () throws(Failure) in
                try AtomicWrite.write(Array(InspectPage(bundle, software: listed).html.utf8), to: html)
            }
            return Console.say("\(html): a page for a browser")
        }
        if sbom != nil { return }
        if json { return try Console.printJSON(InspectFacts(bundle), schema: "inspect/1") }
        for line in tree(bundle) { Console.print(line) }
    }

    private func tree(_ bundle: Bundle) -> [Line] {
        let spec = bundle.spec
        var root = Tree(
            Line.bold(spec.name)
                + "  \(bundle.size.asBytes)  \(spec.platforms.map(\.description).joined(separator: ", "))")
        root.children.append(Tree("index  \(bundle.indexDigest)"))
        root.children.append(
            bundle.signers.isEmpty
                ? Tree(bundle.signatureSummary)
                : Tree("signed by", children: bundle.signers.map { Tree("\($0.name)  \($0.fingerprint)") }))
        if let provenance = ProvenanceFile(beside: bundle) {
            root.children.append(Tree("provenance  \(provenance.summary)"))
        }
        if !bundle.tools.isEmpty { root.children.append(Tree("tools", children: bundle.tools.map(\.tree))) }
        let sizes = BundleSizes(of: bundle)
        func describe(_ kind: BundleSizes.Artifact.Kind) -> [Tree] {
            sizes.artifacts.filter { $0.kind == kind }.map { $0.tree(withLayers: layers) }
        }
        let base = describe(.base)
        if !base.isEmpty { root.children.append(Tree("base", children: base)) }
        let (files, images) = (describe(.file), describe(.image))
        if !files.isEmpty { root.children.append(Tree("files", children: files)) }
        if !images.isEmpty { root.children.append(Tree("images", children: images)) }
        root.children.append(sizes.tree)
        if !spec.builds.isEmpty {
            root.children.append(
                Tree(
                    "builds",
                    children: spec.builds.map { build in
                        Tree(
                            build.tag.description,
                            children: build.context.map { Tree($0.summary) } + [kubefile(of: build)])
                    }))
        }
        if let outcome = bundle.outcome { root.children.append(outcome.tree) }
        if !bundle.required.isEmpty { root.children.append(required(bundle)) }
        return root.lines
    }

    /// The Kubefile, an instruction a line; what runs on the isolated host is marked.
    private func kubefile(of build: Spec.Build) -> Tree {
        guard let kubefile = try? Kubefile(parsing: build.kubefile) else {
            return Tree(
                "Kubefile, which cannot be read",
                children: build.kubefile.split(separator: "\n").map { Tree(String($0)) })
        }
        let count = kubefile.instructions.count { $0.keyword == .run }
        let title =
            count == 0
            ? "Kubefile" : "Kubefile, with \(count) RUN: commands that apply runs on the isolated host"
        let lines = kubefile.instructions.map { instruction in
            instruction.keyword == .run
                ? Tree(
                    Line.bold("RUN \(instruction.value)") + "   (a command that runs on the isolated host)")
                : Tree("\(instruction.keyword.rawValue) \(instruction.value)")
        }
        let arguments = kubefile.arguments.sorted { $0.key < $1.key }.map {
            Tree("ARG \($0.key)=\($0.value)")
        }
        return Tree(title, children: lines + arguments + kubefile.commands.map { Tree("CMD \($0)") })
    }

    /// What a delta leaves out, by what it belongs to.
    private func required(_ bundle: Bundle) -> Tree {
        let owners = Dictionary(grouping: bundle.required, by: \.owner).sorted { $0.key < $1.key }
        let children = owners.map { owner, items in
            let missing = items.filter { !bundle.contains($0.descriptor.digest) }
            let state =
                source.access.with.isEmpty ? "" : missing.isEmpty ? "  found" : "  \(missing.count) missing"
            return Tree("\(owner)  \(items.count) blobs, \(items.bytes.asBytes)\(state)")
        }
        return Tree("required, and not in it  \(bundle.required.bytes.asBytes)", children: children)
    }
}

extension CarriedTool {
    fileprivate var tree: Tree {
        Tree("\(name)  sealift \(version) for \(platform)  \(size.asBytes)  \(digest)")
    }
}

extension BuildOutcome {
    /// The ids that an apply must give, and what is not covered.
    fileprivate var tree: Tree {
        Tree(
            "outcome",
            children: images.map { image in
                let name = "\(image.name.path) for \(image.platform)"
                if let id = image.id { return Tree("\(name)  \(id)  \(image.layers?.count ?? 0) layers") }
                return Tree("\(name)  not covered: \(image.uncovered?.reason ?? "")")
            })
    }
}

extension BuildOutcome.Gap {
    /// In words.
    fileprivate var reason: String {
        switch self {
        case .run: "a RUN is executed only by apply"
        case .delta: "the bundle leaves out what it is built from"
        }
    }
}
