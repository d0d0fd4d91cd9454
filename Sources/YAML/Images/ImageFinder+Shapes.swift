// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Images that several values make up.
extension ImageFinder {
    /// Takes in the image that the keys of a mapping make up.
    mutating func considerShapes(of fields: ImageFields, mapping: Int, scope: ImageScope) {
        if considerObject(fields, scope: scope) { return }
        if scope.place == .imageEntry, considerKustomize(fields, scope: scope) { return }
        if scope.place == .image || scope.place == .namedImage, let node = fields[.reference] {
            return considerWhole(node)
        }
        if let kind = fields[.kind], table.text(kind) == "DockerImage", let node = fields[.name] {
            return considerWhole(node)
        }
        if scope.place == .image, let node = fields[.name], let name = table.filled(node),
            fields[.repository] != nil,
            fields[.repository].flatMap(table.filled) == nil
        {
            return note(name, node: node, reason: "its repository is empty, and another value decides on it")
        }
        if let image = SplitImage(fields, scope: scope, in: table) {
            consider(image, defaultRegistry: fields[.defaultRegistry], scope: scope)
        }
    }

    /// Takes in a scalar that is an image by its place, with a tag, a digest or neither.
    private mutating func considerWhole(_ node: Int) {
        guard let text = table.filled(node) else { return }
        var scope = ImageScope()
        (scope.place, scope.isContainer) = (.image, true)
        handled.insert(node)
        guard !text.isEmpty else { return }
        _ = consider(table.resolved(node), scope: scope)
    }

    // MARK: objects with rules of their own

    private mutating func considerObject(_ fields: ImageFields, scope: ImageScope) -> Bool {
        switch scope.object {
        case .imageSet:
            guard let image = fields[.image], let name = table.filled(image), let digest = fields[.digest],
                let text = table.filled(digest), let reference = try? Reference(name + "@" + text)
            else { return false }
            // The operator compares the name with its own; the registry is a field of the Installation.
            handled.insert(image)
            addPossible(
                reference, isComplete: true, text: name + "@" + text, at: start(image),
                isBelowAnyRegistry: true,
                reason: "the operator takes its registry from the Installation")
            return true
        case .ociRepository:
            guard let node = fields[.url], let url = table.filled(node), url.hasPrefix("oci://") else {
                return false
            }
            considerAddress(url, node: node, ref: fields[.ref])
            return true
        case .kubeadm:
            guard let node = fields[.imageRepository], let text = table.filled(node) else { return false }
            handled.insert(node)
            guard let domain = ImageName.domain(of: text), let reference = try? Reference(domain + "/image"),
                depth == 0
            else { return true }
            write(reference, text: text, part: .prefix, in: node)
            return true
        default: return false
        }
    }

    private mutating func considerAddress(_ url: String, node: Int, ref: Int?) {
        handled.insert(node)
        func part(_ key: String) -> String? { ref.flatMap { table.value(key, in: $0) }.flatMap(table.filled) }
        let suffix = (part("tag").map { ":" + $0 } ?? "") + (part("digest").map { "@" + $0 } ?? "")
        let text = url.dropFirst(6) + suffix
        guard case .success(let reference) = reference(String(text)) else {
            return note(String(text), node: node, reason: "it is no address of an artifact")
        }
        take(reference, isComplete: !suffix.isEmpty, isCertain: true, text: String(text), node: node)
        if depth == 0 || known.contains(reference) { write(reference, text: url, part: .address, in: node) }
    }

    /// An entry of kustomize's `images`, or `name:` with a whole image as some lists of images have it.
    private mutating func considerKustomize(_ fields: ImageFields, scope: ImageScope) -> Bool {
        func text(_ key: ImageFields.Key) -> String? { fields[key].flatMap(table.filled) }
        guard let name = text(.name), let nameNode = fields[.name] else { return false }
        let isEntry =
            fields[.newName] != nil || fields[.newTag] != nil
            || scope.object == .kustomization && fields[.digest] != nil
        guard isEntry else {
            guard ImageName.isTagged(name), fields[.image] == nil else { return false }
            considerWhole(nameNode)
            return true
        }
        let image = text(.newName) ?? name
        let suffix = (text(.newTag).map { ":" + $0 } ?? "") + (text(.digest).map { "@" + $0 } ?? "")
        for case let node? in [nameNode, fields[.newName]] { handled.insert(node) }
        guard case .success(let reference) = reference(image + suffix) else {
            note(image + suffix, node: nameNode, reason: "it is no image reference")
            return true
        }
        let node = fields[.newName].flatMap { table.filled($0) == nil ? nil : $0 } ?? nameNode
        take(reference, isComplete: !suffix.isEmpty, isCertain: true, text: image + suffix, node: node)
        guard depth == 0 || known.contains(reference) else { return true }
        if node != nameNode { write(reference, text: image, part: .name, in: node) }
        // The files that it names are rewritten too, so their images have the new name.
        if !scope.hasRemoteBases, let base = try? Reference(name) {
            write(base, text: name, part: .name, in: nameNode)
        }
        if scope.hasRemoteBases, node == nameNode {
            fix(
                name, offset: start(nameNode),
                reason: "it names an image of a file that is fetched; add newName for it")
        }
        return true
    }

    // MARK: names and tags under keys of their own

    /// Takes in `fooImage: a/b` beside `fooTag: v1`, and `fooRepository` beside `fooTag`.
    mutating func considerSiblings(of key: Int, value: Int, mapping: Int, scope: ImageScope) {
        guard !handled.contains(value), !scope.isContainer, let name = table.filled(value),
            table.scalarType(value) == .string, !ImageName.isTagged(name), let key = table.text(key)
        else { return }
        let ending = scope.place == .repository ? 10 : 5
        let stem = String(key.dropLast(ending))
        let isUpper = key.last?.isUppercase ?? false
        let isBare = stem.isEmpty || stem == "base"
        var keys =
            isUpper
            ? [key + "_TAG", stem + "TAG", stem + "VERSION"] : [key + "Tag", stem + "Tag", key + "Version"]
        if key == "baseImage" {
            keys += ["tag", "version"]
        } else if !isBare {
            keys.append(stem + "Version")
        }
        guard
            let tag = keys.lazy.compactMap({ [table] in table.value($0, in: mapping) })
                .first(where: { [table] in table.filled($0) != nil })
        else { return }
        let isSure = scope.place != .repository || ImageScope.says(Array(stem.utf8)[...])
        consider(
            SplitImage(
                nameNode: value, name: name, tag: tag, isCertain: isSure && name.contains("/"), in: table),
            defaultRegistry: nil,
            scope: scope)
    }

    // MARK: parts

    private mutating func consider(_ image: SplitImage, defaultRegistry: Int?, scope: ImageScope) {
        let own = image.registryNode
        let ownText = own.flatMap(table.filled)
        let domain = ImageName.domain(ofName: image.name)
        let above = [defaultRegistry, scope.registry].compactMap { $0 }.first { table.filled($0) != nil }
        let aboveText = domain == nil ? above.flatMap(table.filled) : nil
        // A name with a domain is whole; below a registry of its own, who knows what is put together.
        let isDoubled = ownText != nil && domain != nil
        let before = isDoubled ? nil : ownText ?? aboveText
        let text = (before.map { $0.trimmedOfSlashes + "/" } ?? "") + image.name + image.suffix
        guard case .success(let reference) = reference(text) else {
            guard image.isCertain else { return }
            for node in [image.nameNode] + image.more { handled.insert(node) }
            return note(text, node: image.nameNode, reason: "it is no image reference")
        }
        let isCertain = image.isCertain && !isDoubled
        let isKnown = image.isComplete ? known.contains(reference) : known.containsName(of: reference)
        let isTelling = before != nil || image.name.contains("/") || scope.place == .image
        guard isCertain || isKnown || isTelling else { return }
        for node in [image.nameNode] + image.more + image.suffixNodes { handled.insert(node) }
        if let own, ownText != nil { handled.insert(own) }
        if let above, aboveText != nil {
            registries.insert(scan.source.position(of: table.textRange(table.resolved(above)).lowerBound))
        }
        // Charts differ in which of two they take.
        let isRival = ownText != nil && aboveText != nil && above == scope.registry && scope.isRegistryGlobal
        let rival = isRival && ownText != aboveText ? aboveText : nil
        if let rival, let above {
            considerRival(rival, at: above, of: image, beside: reference)
        } else {
            take(
                reference, isComplete: image.isComplete,
                isCertain: isKnown || isCertain && image.doubt == nil,
                text: text, node: image.nameNode, reason: image.doubt)
        }
        guard isKnown || isCertain && depth == 0 else { return }
        write(
            image, reference: reference, own: isDoubled ? nil : own, ownText: ownText,
            above: aboveText != nil && (isRival || ownText == nil) ? above : nil)
    }

    /// Takes in an image whose own registry and the one of `global` differ: it is one of two.
    private mutating func considerRival(
        _ rival: String, at above: Int, of image: SplitImage, beside own: Reference
    ) {
        let place = start(image.nameNode)
        let text = rival.trimmedOfSlashes + "/" + image.name + image.suffix
        let reason =
            "a registry of its own and one of global are given: which of them counts is not known here"
        addPossible(own, isComplete: image.isComplete, text: own.description, at: place, reason: reason)
        guard case .success(let other) = reference(text) else { return }
        addPossible(other, isComplete: image.isComplete, text: text, at: place, reason: reason)
        if other.repository.hasPrefix("library/") != own.repository.hasPrefix("library/") {
            fix(
                image.name, offset: place,
                reason: "it has library/ before it in one of its two registries only")
        }
    }

    /// Notes the change of each part that decides on the registry.
    private mutating func write(
        _ image: SplitImage, reference: Reference, own: Int?, ownText: String?, above: Int?
    ) {
        guard ownText != nil || above != nil || own != nil && ImageName.domain(ofName: image.name) == nil
        else {
            return write(reference, text: table.filled(image.nameNode) ?? "", part: .name, in: image.nameNode)
        }
        func part(_ text: String) -> ImageSpan.Part {
            let path = ImageName.domain(of: text).map { String(text.dropFirst($0.count)) } ?? "/" + text
            return .registry(path: path)
        }
        let aboveText = above.flatMap(table.filled)
        if let own, ownText == nil {
            fill(own, part: aboveText.map(part) ?? .registry(path: ""), reference: reference)
        }
        for case let (node?, text?) in [(own, ownText), (above, aboveText)] {
            write(reference, text: text, part: part(text), in: node)
        }
        guard image.more.isEmpty else { return }
        let isOfficial = reference.repository == "library/" + ImageName.untagged(image.name)
        // A name that several images share must become the same in each of them.
        if isOfficial || table.nodes[image.nameNode].kind == .alias || table.nodes[image.nameNode].isMarked {
            let part = ImageSpan.Part.repository(isOfficial: isOfficial)
            write(reference, text: image.name, part: part, in: image.nameNode)
        }
    }

    /// Notes that a value which is empty or null is filled in.
    private mutating func fill(_ node: Int, part: ImageSpan.Part, reference: Reference) {
        guard table.nodes[node].kind != .alias, !table.nodes[node].isMarked else {
            return fix(
                reference.description, offset: start(node),
                reason: "its registry is empty, and another value has it too")
        }
        let range = table.textRange(node)
        let bytes = scan.source.bytes
        let isPlain = table.nodes[node].kind == .plain
        let isQuoted = isPlain && table.nodes[node].inFlow
        var filling = isQuoted ? ImageSpan.Filling.quotes : .none
        if isPlain, range.isEmpty {
            guard range.lowerBound > 0, bytes[range.lowerBound - 1] == UInt8(ascii: ":") else {
                return fix(
                    reference.description, offset: start(node),
                    reason: "its registry has no value that could be changed")
            }
            filling = isQuoted ? .blankAndQuotes : .blank
        }
        scan.spots.append(
            ImageSpan(
                range: range, scalar: table.range(node).lowerBound, offset: 0,
                text: String(decoding: bytes[range], as: UTF8.self),
                image: named(reference, reference.description), part: part,
                filling: filling))
    }

    private mutating func take(
        _ reference: Reference, isComplete: Bool, isCertain: Bool, text: String, node: Int,
        reason: String? = nil
    ) {
        let node = table.resolved(node)
        let name = table.bytes(node)
        let offset = name.prefix { $0 <= 0x20 }.count
        let length = table.filled(node)?.utf8.count ?? 0
        let range = written(offset..<offset + length, of: node) ?? table.range(node)
        if isCertain, isComplete { return add(reference, text: text, at: range) }
        let reason =
            reason
            ?? (isComplete
                ? "its keys do not say that it is an image"
                : "it has no tag: who fills it in is not known here")
        addPossible(reference, isComplete: isComplete, text: text, at: range.lowerBound, reason: reason)
    }

    private func start(_ node: Int) -> Int { table.range(table.resolved(node)).lowerBound }
}

extension String {
    /// Without slashes at either end.
    fileprivate var trimmedOfSlashes: String {
        var text = self[...]
        while text.hasSuffix("/") { text.removeLast() }
        while text.hasPrefix("/") { text.removeFirst() }
        return String(text)
    }
}
