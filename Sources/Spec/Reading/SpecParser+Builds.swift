// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The section `builds`.
extension SpecParser {
    /// The builds of all files, those of included ones first.
    mutating func builds() -> [Spec.Build] {
        var all: [Spec.Build] = []
        forEach("builds") { reading, node in
            for item in reading.list(node, as: "builds") {
                reading.mark(item, part: .build(all.count))
                if let build = reading.build(item, index: all.count) { all.append(build) }
            }
        }
        return all
    }

    private mutating func build(_ node: YAMLNode, index: Int) -> Spec.Build? {
        let keys = ["tag", "context", "kubefile"]
        guard let fields = mapping(node, as: "the build", keys: keys, required: keys) else { return nil }
        var tag = fields["tag"].flatMap { reference($0, as: "the build", defaults: .sealer) }
        if let given = tag, let at = fields["tag"] {
            if given.digest != nil {
                note(at, message: "a build is named by a tag; its digest is not known before it is built")
                tag = nil
            } else if context.built.contains(given) {
                note(at, message: "the tag \(given) is built twice")
                tag = nil
            }
        }
        if tag == nil { gaps.tags.insert(index) }
        let steps = steps(fields["context"], of: index)
        let known = problems.count
        if let node = fields["kubefile"] { mark(node, part: .kubefile(index)) }
        let kubefile = fields["kubefile"].flatMap { self.kubefile($0, of: index) }
        if kubefile == nil || problems.count > known { gaps.kubefiles.insert(index) }
        if let tag { context.built.append(tag) }
        guard let name = tag ?? (try? Reference("build-\(index + 1)", defaults: .sealer)) else { return nil }
        return Spec.Build(tag: name, context: steps, kubefile: kubefile ?? "FROM scratch\n")
    }

    private mutating func steps(_ node: YAMLNode?, of build: Int) -> [Spec.Step] {
        var steps: [Spec.Step] = []
        for item in list(node, as: "the context") {
            let place = SpecPath.step(steps.count, ofBuild: build)
            mark(item, part: place)
            let known = problems.count
            let step = step(item)
            if step == nil || problems.count > known { gaps.steps.insert(place) }
            if let step { steps.append(step) }
        }
        return steps
    }

    // MARK: the Kubefile

    /// The Kubefile, whose first instruction must build on something that will be there.
    private mutating func kubefile(_ node: YAMLNode, of build: Int) -> String? {
        let found = node.entries == nil ? text(node, as: "the Kubefile") : kubefile(inFileOf: node, of: build)
        guard let written = found else { return nil }
        let text = Placeholders.fill(kubefile: written, for: nil, release: context.release)
        if text.split(separator: "\n").contains(where: Self.lacksRelease) {
            note(node, message: "{release} is used, and the spec has no 'release'")
        }
        for (word, meant) in Placeholders.slips(inKubefile: written) {
            note(node, message: "unknown placeholder {\(word)} in the Kubefile; did you mean {\(meant)}?")
        }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let offset = self.offset(ofLine: number, in: node)
            guard first.lowercased() == "from", words.count == 2 else {
                note(offset: offset, "a Kubefile begins with 'FROM image'; found '\(line.prefix(60))'")
                return text
            }
            from(String(words[1]), offset: offset)
            return text
        }
        note(node, message: "the Kubefile has no instruction; it begins with 'FROM image'")
        return nil
    }

    /// `{ path: FILE }`: the text of a file beside the spec.
    private mutating func kubefile(inFileOf node: YAMLNode, of build: Int) -> String? {
        guard let fields = mapping(node, as: "the Kubefile", keys: ["path"], required: ["path"]),
            let at = fields["path"], let path = hostPath(at, as: "the path of the Kubefile")
        else { return nil }
        let place = path.hasPrefix("/") ? path : (parts.last?.source.folder ?? "") + path
        do throws(Failure) {
            let bytes = try File.open(place).text(limit: SpecReader.largestSpec, kind: .configuration)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                note(at, message: "the Kubefile \(path) is not UTF-8")
                return nil
            }
            kubefiles[build] = place
            return text
        } catch {
            note(at, message: "the Kubefile \(path) cannot be read: \(error.reason)")
            return nil
        }
    }

    /// Whether FROM or COPY still has `{release}`.
    private static func lacksRelease(_ line: Substring) -> Bool {
        Placeholders.fill(kubefile: String(line), for: nil, release: "") != line
    }

    private mutating func from(_ name: String, offset: Int) {
        // An argument is filled in at build time.
        if name == "scratch" || name.contains("$") { return }
        let base: Reference
        do throws(Failure) { base = try Reference(name, defaults: .sealer) } catch {
            return note(offset: offset, "FROM '\(name.prefix(120))': \(error.reason)")
        }
        let known = [context.base?.image].compactMap(\.self) + context.built
        if known.meant(by: base) != nil || gaps.lacksBase || !gaps.tags.isEmpty { return }
        let familiar = known.map { Self.short($0) }
        let meant = Suggestion.nearest(to: Self.short(base), among: familiar).map { "did you mean '\($0)'?" }
        let advice = meant ?? "known here: \((["scratch"] + familiar).joined(separator: ", "))"
        note(offset: offset, "FROM '\(name)', which is neither the base nor built before; \(advice)")
    }

    /// A sealer image without sealer's own domain and namespace.
    static func short(_ reference: Reference) -> String {
        let defaults = Reference.Defaults.sealer
        guard reference.domain == defaults.domain else { return reference.description }
        let prefix = defaults.namespace + "/"
        return reference.path.hasPrefix(prefix)
            ? String(reference.path.dropFirst(prefix.count)) : reference.path
    }

    /// Where a line of a literal block begins; the block's begin for other styles.
    private func offset(ofLine number: Int, in node: YAMLNode) -> Int {
        let node = node.resolved
        guard case .scalar(_, .literal) = node.content else { return node.range.lowerBound }
        var at = node.range.lowerBound
        for _ in 0...number {
            guard let end = source.bytes[at..<node.range.upperBound].firstIndex(of: 0x0A) else { break }
            at = end + 1
        }
        while at < node.range.upperBound, source.bytes[at] == 0x20 { at += 1 }
        return min(at, node.range.upperBound)
    }
}
