// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import Spec

/// One run of a ``LiteBuild``: first all trees and names are proved, then the layers are made.
struct LiteBuildRun {
    let build: LiteBuild
    let maker: any LayerMaker
    let problems: BuildProblems
    let place: SpecPath
    private var base = SealerImage()
    private var layers: [SealerImage.Layer] = []
    /// The trees of the layers that this build makes by its instructions.
    private var own: [FileNode] = []
    private var notes: [String] = []

    init(_ build: LiteBuild, maker: any LayerMaker, problems: BuildProblems, place: SpecPath) {
        self.build = build
        self.maker = maker
        self.problems = problems
        self.place = place
    }

    mutating func run() throws(Failure) -> LiteBuild.Outcome {
        let (build, maker) = (build, maker)
        let found = try problems.attempt(at: place) { () throws(Failure) in
            try build.baseImage { (reference) throws(Failure) in
                try maker.image(named: reference, for: build.platform)
            }
        }
        base = found ?? SealerImage()
        let listed = try AuthImageList(in: build.context)
        let copies = try trees()
        let copied = copies.compactMap(\.tree)
        _ = try RegistryTree(
            try build.resolve(
                listed.mentions + BuildImageScan(layers: copied).mentions, problems: problems, at: place
            )
            .found)
        notes = build.kubefile.warnings
        if !listed.mentions.isEmpty {
            notes.append(
                "imageListWithAuth.yaml holds passwords and is in no layer; its images come from the bundle")
        }
        layers = base.layers
        for layer in build.carried {
            if let carried = try build.carry(layer, by: maker) { try append(carried) }
        }
        for (instruction, tree) in copies { try make(instruction, tree: tree) }
        return try finish(listed)
    }

    /// What each COPY makes; no tree for a RUN.
    private func trees() throws(Failure) -> [(instruction: Kubefile.Instruction, tree: FileNode?)] {
        var made: [(instruction: Kubefile.Instruction, tree: FileNode?)] = []
        for instruction in build.kubefile.instructions.dropFirst() {
            var tree: FileNode?
            if instruction.keyword == .copy {
                let (build, owner) = (build, maker.owner)
                tree = try problems.attempt(at: place, line: instruction.line) { () throws(Failure) in
                    try build.copied(instruction, owner: owner)
                }
            }
            made.append((instruction, tree))
        }
        return made
    }

    private mutating func make(_ instruction: Kubefile.Instruction, tree: FileNode?) throws(Failure) {
        let id: Digest?
        if instruction.keyword == .run {
            id = try execute(instruction)
        } else {
            guard let tree else { return }
            id = try maker.makeLayer(of: tree, isWholeContext: build.isWholeContext(instruction))
            own.append(tree)
        }
        guard let id else { return }
        if instruction.keyword == .run { own.append(try maker.tree(ofLayer: id)) }
        try append(.init(id: id, type: instruction.keyword.rawValue, value: instruction.value))
    }

    private mutating func execute(_ instruction: Kubefile.Instruction) throws(Failure) -> Digest? {
        let values = build.kubefile.arguments.merging(build.arguments) { $1 }
        let expanded = try problems.attempt(at: place, line: instruction.line) { () throws(Failure) in
            try ShellLexer.expand(instruction.value, values: values)
        }
        guard let (command, unknown) = expanded else { return nil }
        notes += Set(unknown).sorted().map {
            "line \(instruction.line): RUN: $\($0) is not an argument, so it is empty, as with sealer; "
                + "write \\$\($0) to leave it to the shell"
        }
        var found: [String] = []
        let (run, lower) = (
            RunCommand(image: build.name, instruction: instruction, command: command, time: build.time),
            distinct(layers.compactMap(\.id))
        )
        let id = try problems.attempt(at: place, line: instruction.line) { () throws(Failure) in
            try maker.makeLayer(running: run, over: lower) { found.append($0) }
        }
        notes += found
        return id ?? nil
    }

    /// Each layer once, where it is topmost: an overlay takes none twice.
    private func distinct(_ ids: [Digest]) -> [Digest] {
        var seen: Set<Digest> = []
        return ids.reversed().filter { seen.insert($0).inserted }.reversed()
    }

    /// Puts a layer on top. An image has each layer once: of two equal ones the upper stays, which by itself gives all
    /// that the lower gave, unless nothing is between them that touches its files: then the upper is left out.
    private mutating func append(_ layer: SealerImage.Layer) throws(Failure) {
        guard let id = layer.id, let lower = layers.firstIndex(where: { $0.id == id }) else {
            return layers.append(layer)
        }
        let tree = try maker.tree(ofLayer: id)
        for between in layers[(lower + 1)...].compactMap(\.id) {
            guard try maker.tree(ofLayer: between).touches(tree) else { continue }
            layers.remove(at: lower)
            layers.append(layer)
            notes.append(
                "\(layer.type) \(layer.value) makes a layer that the image has: it is moved to the top")
            return
        }
        notes.append("\(layer.type) \(layer.value) makes a layer that the image has: it is left out")
    }

    /// How many layers the image has at least: while ids are not known, those of equal instructions may be equal.
    private var leastCount: Int {
        if maker.givesIDs { return layers.count }
        let own = layers.dropFirst(base.layers.count).map { "\($0.type) \($0.value)" }
        return base.layers.count + Set(own).count
    }

    private mutating func finish(_ listed: AuthImageList) throws(Failure) -> LiteBuild.Outcome {
        let scan = try BuildImageScan(layers: own)
        let (found, open) = try build.resolve(listed.mentions + scan.mentions, problems: problems, at: place)
        notes += open
        let metadata = try build.metadata(
            for: scan.kubeVersion, own: own, base: base.layers, by: maker, &notes)
        if let tree = try build.saved(found, metadata: metadata, owner: maker.owner),
            let id = try maker.makeLayer(of: tree, isWholeContext: false)
        {
            let cache = SealerImage.cacheLayer
            try append(.init(id: id, type: cache.type, value: cache.value))
        }
        let (build, count) = (build, leastCount)
        try problems.attempt(at: place) { () throws(Failure) in try build.checkCount(count) }
        notes += scan.unread + scan.certainty
        notes += scan.templated.filter { !build.isNoImage($0.text) }.map {
            "\($0.place): the image '\($0.text)' is known only once the template is rendered; "
                + "name it in manifests/imageList"
        }
        let image = build.assembled(layers, base: base).identified()
        return .init(image: image, saved: found.map(\.reference), notes: notes)
    }
}

extension FileNode {
    /// Whether this layer changes something that `lower` has: a file, or a folder that it hides or whose attributes it
    /// sets otherwise.
    fileprivate func touches(_ lower: FileNode) -> Bool {
        var pending = [(self, lower)]
        while let (upper, lower) = pending.popLast() {
            if upper.isOpaque { return true }
            for (name, node) in upper.children {
                guard let below = lower.children[name] else { continue }
                guard node.isFolder, below.isFolder, node.attributes == below.attributes else { return true }
                pending.append((node, below))
            }
        }
        return false
    }
}
