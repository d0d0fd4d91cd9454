// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import Spec
internal import YAML

/// The steps that remove, edit and rewrite what the context has.
extension ContextAssembler {
    /// What a path of a step means: one file by its name, or several.
    private enum Targets {
        case file(String)
        case files([String])
    }

    private func nothing(_ verb: String, path: String, as what: String) -> Failure {
        Failure(
            .input, verb, path, because: "the context has no \(what)",
            remedy: "correct the path in the spec, or the layer and paths that it takes before")
    }

    /// Removes all that a path means. A name that is not there is a mistake; a pattern may mean nothing.
    func remove(_ path: String) throws(Failure) {
        let pattern = PathPattern(path)
        let found = try pattern.matches(in: files.root)
        if found.isEmpty {
            guard pattern.isPattern else { throw nothing("remove", path: path, as: "such file or folder") }
            session.note("remove \(path): nothing in the context for \(inputs.platform) matches it")
        }
        for (place, _) in found { try files.remove(place) }
        shipped = shipped.filter { !pattern.covers($0.key) }
    }

    /// Edits the files that a path means. Of several, each change is made in those that have the field.
    func edit(
        _ path: String, remove: [String], set: [Spec.Assignment], append: [Spec.Assignment]
    ) throws(Failure) {
        var changes: [Edit.Change] = []
        for key in remove { changes.append(.remove(try FieldPath(key))) }
        for item in set { changes.append(.set(try FieldPath(item.key), item.edited)) }
        for item in append { changes.append(.append(try FieldPath(item.key), item.edited)) }
        switch try targets("edit", path: path, endings: [".yaml", ".yml", ".json", ".toml"]) {
        case .file(let file): try edit(file, changes: changes)
        case .files(let several):
            var left = changes
            for file in several {
                let bytes = try files.read(file)
                var here: [Edit.Change] = []
                for change in changes where try Edit.has(change.path, in: bytes, path: file) {
                    here.append(change)
                }
                left.removeAll(where: here.contains)
                if !here.isEmpty { try edit(file, changes: here) }
            }
            guard let first = left.first, !problems.isIncomplete else { return }
            throw Failure(
                .configuration, "edit", "\(first.path) in \(path)",
                because: "none of the \(several.count) files has it",
                remedy: "correct the key or the path in the spec")
        }
    }

    private func edit(_ file: String, changes: [Edit.Change]) throws(Failure) {
        try change(file) { (bytes) throws(Failure) in try Edit(changes).applied(to: bytes, path: file) }
        ship(file)
    }

    /// Leads the images of the files that a path means to the cluster's registry.
    func rewrite(_ path: String) throws(Failure) {
        switch try targets("rewrite", path: path, endings: [".yaml", ".yml"]) {
        case .file(let file): try rewrite(file: file)
        case .files(let several): for file in several { try rewrite(file: file) }
        }
    }

    private func rewrite(file: String) throws(Failure) {
        if let known = shipped[file] { shipped[file] = (known.node, true) }
        try change(file) { (bytes) throws(Failure) in
            try ImageScan.yaml(bytes, path: file, known: CarriedImages(spec.images)).without(spec.isNoImage)
                .rewritten(to: spec.registry)
        }
    }

    /// The files that `path` means: the one of that name; those that match; of a folder those below it with one of
    /// `endings`. What is below a folder and is not YAML, such as a template, is passed over with a note.
    private func targets(_ verb: String, path: String, endings: [String]) throws(Failure) -> Targets {
        let pattern = PathPattern(path)
        let found = try pattern.matches(in: files.root)
        if !pattern.isPattern, found.first?.node.isFolder != true { return .file(path) }
        var several: [String] = []
        for (place, node) in found {
            if node.isFolder {
                several += try plain(below: node, at: place, endings)
            } else if node.isFile {
                several.append(try name(of: place))
            }
        }
        guard !several.isEmpty else {
            throw nothing(
                verb, path: path,
                as: pattern.isPattern ? "file that matches" : "\(endings.joined(separator: ", ")) below it")
        }
        return .files(several)
    }

    /// The files below a folder with one of `endings` that parse, in the order of a walk.
    private func plain(below folder: FileNode, at place: [UInt8], _ endings: [String]) throws(Failure)
        -> [String]
    {
        var several: [String] = []
        var pending = [(place, folder)]
        while let (path, folder) = pending.popLast() {
            for (bytes, child) in folder.children.ordered.reversed() {
                if child.isFolder { pending.append((path + [UInt8(ascii: "/")] + bytes, child)) }
            }
            for (bytes, child) in folder.children.ordered where child.isFile {
                let file = try name(of: path + [UInt8(ascii: "/")] + bytes)
                guard endings.contains(where: file.lowercased().hasSuffix) else { continue }
                if Edit.parses(try files.read(file), path: file) {
                    several.append(file)
                } else {
                    session.note("\(file) is no plain YAML, JSON or TOML (a template?): it is passed over")
                }
            }
        }
        return several
    }

    private func name(of path: [UInt8]) throws(Failure) -> String {
        guard let name = String(validating: path, as: UTF8.self) else {
            throw Failure(
                .data, "change", FileNode.shown(path), because: "its name is not UTF-8",
                remedy: "name the other files in the spec one by one")
        }
        return name
    }

    /// Replaces the content of the file at `path` by what `body` makes of it.
    func change(_ path: String, body: ([UInt8]) throws(Failure) -> [UInt8]) throws(Failure) {
        let old: [UInt8]
        do throws(Failure) { old = try files.read(path) } catch {
            guard error.kind == .input else { throw error }
            throw nothing("edit", path: path, as: "such file")
        }
        try files.write(try body(old), to: path)
    }
}

extension Spec.Assignment {
    /// The value as an edit writes it.
    fileprivate var edited: Edit.Value {
        isJSON == true ? .json(value) : literal ? .literal(value) : .text(value)
    }
}
