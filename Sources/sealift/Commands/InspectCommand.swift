// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what a bundle holds and builds, without reading its layers.")

    @OptionGroup var source: BundleOptions
    @Flag(help: "Print the spec, the lock and the sizes as JSON.")
    var json = false

    func run() async throws {
        let bundle = try await source.open()
        if json { return try Console.printJSON(Facts(bundle)) }
        for line in tree(bundle) { Console.print(line) }
    }

    private struct Facts: Encodable {
        let digest: Digest
        let size: Int64
        let blobs: Int
        /// What a delta leaves out, and which of it no bundle given with it has.
        let required: [Required]
        let spec: Spec
        let lock: Lock
        /// The trusted keys that have signed it.
        let signers: [Signer]
        /// What apply must produce; absent where no rehearsal has derived it.
        let outcome: BuildOutcome?

        struct Required: Encodable { let digest: Digest, size: Int64, owner: String, missing: Bool }

        init(_ bundle: Bundle) {
            required = bundle.required.map { item in
                Required(
                    digest: item.descriptor.digest, size: item.descriptor.size, owner: item.owner,
                    missing: !bundle.contains(item.descriptor.digest))
            }
            digest = bundle.indexDigest
            size = bundle.size
            blobs = bundle.blobs.count
            spec = bundle.spec
            lock = bundle.lock
            signers = bundle.signers
            outcome = bundle.outcome
        }
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
                : Tree("signed by", bundle.signers.map { Tree("\($0.name)  \($0.fingerprint)") }))
        func describe(_ image: BundleImage) -> Tree {
            var node = Tree("\(image.reference.familiar)  \(image.locked.digest.short)")
            for (platform, manifest) in zip(image.locked.platforms, image.instances) {
                let size = manifest.children.clampedTotal(\.size)
                node.children.append(
                    Tree("\(platform.platform)  \(manifest.children.count - 1) layers, \(size.asBytes)"))
            }
            return node
        }
        if let base = spec.base, let image = bundle.image(base.image) {
            root.children.append(Tree("base", [describe(image)]))
        }
        if !bundle.lock.files.isEmpty {
            root.children.append(
                Tree(
                    "files",
                    bundle.lock.files.map { file in
                        let platform = file.platform.map { " for \($0)" } ?? ""
                        return Tree(
                            "\(file.name)\(platform)  \(file.size.asBytes)  \(file.digest.short)  \(file.url)"
                        )
                    }))
        }
        let images = bundle.images.filter { $0.reference != spec.base?.image }
        if !images.isEmpty { root.children.append(Tree("images", images.map(describe))) }
        if !spec.builds.isEmpty {
            root.children.append(
                Tree(
                    "builds",
                    spec.builds.map { build in
                        Tree(
                            build.tag.description,
                            build.context.map { Tree($0.summary) } + [kubefile(of: build)])
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
                build.kubefile.split(separator: "\n").map { Tree(String($0)) })
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
        return Tree(title, lines + arguments + kubefile.commands.map { Tree("CMD \($0)") })
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
        return Tree("required, and not in it  \(bundle.required.bytes.asBytes)", children)
    }
}

extension BuildOutcome {
    /// The ids that an apply must give, and what is not covered.
    fileprivate var tree: Tree {
        Tree(
            "outcome",
            images.map { image in
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
        case .run: "a RUN is executed by apply alone"
        case .delta: "the bundle leaves out what it is built from"
        }
    }
}

/// Lines drawn as a tree.
struct Tree {
    var title: Line
    var children: [Tree] = []

    init(_ title: Line, _ children: [Tree] = []) {
        self.title = title
        self.children = children
    }

    init(_ title: String, _ children: [Tree] = []) { self.init(Line(title), children) }

    /// The tree, a line a node.
    var lines: [Line] { [title] + below("") }

    private func below(_ indent: String) -> [Line] {
        children.enumerated().flatMap { index, child in
            let isLast = index == children.count - 1
            return [indent + (isLast ? "└── " : "├── ") + child.title]
                + child.below(indent + (isLast ? "    " : "│   "))
        }
    }
}
