// SPDX-License-Identifier: Apache-2.0
package import OCI

extension SealerImage {
    /// Parses a config blob: compact JSON in which docker's own fields are left aside.
    /// - Parameter artifact: names it in errors.
    /// - Throws: a ``Failure`` of kind `data` for anything but a sealer image.
    package init(config bytes: [UInt8], artifact: String) throws(Failure) {
        try self.init(Tree(json: bytes, artifact: artifact), artifact: artifact)
    }

    /// Parses a file of a store's image database.
    /// - Throws: a ``Failure`` of kind `data` for anything but a sealer image.
    package init(storeYAML bytes: [UInt8], artifact: String) throws(Failure) {
        try self.init(Tree(yaml: bytes, artifact: artifact), artifact: artifact)
    }

    private init(_ tree: Tree, artifact: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the sealer image", artifact, because: reason,
                remedy: "name an image that sealer built; a container image belongs to `images` of the spec")
        }
        guard tree["kind"]?.string == "Image", let spec = tree["spec"], case .object = spec else {
            throw refuse("it has no 'kind: Image' and no 'spec', as every sealer image does")
        }
        func text(_ tree: Tree?, key: String) -> String { tree?[key]?.string ?? "" }
        kind = text(tree, key: "kind")
        apiVersion = text(tree, key: "apiVersion")
        name = text(tree["metadata"], key: "name")
        annotations = tree["metadata"]?["annotations"]?.strings ?? [:]
        id = text(spec, key: "id")
        guard id.isEmpty || Digest(hex: id) != nil else {
            throw refuse("its id '\(id.prefix(80))' is not 64 hexadecimal digits")
        }
        for element in spec["layers"]?.elements ?? [] {
            let id = text(element, key: "id")
            layers.append(
                Layer(
                    id: id.isEmpty ? nil : try Digest(id), type: text(element, key: "type"),
                    value: text(element, key: "value")))
        }
        sealerVersion = text(spec, key: "sealer_version")
        platform = PlatformText(spec["platform"])
        let config = spec["image_config"]
        type = text(config, key: "image_type")
        labels = config?["labels"]?.strings ?? [:]
        let args = config?["args"]
        arguments = Inherited(
            parent: args?["parent"]?.strings ?? [:], current: args?["current"]?.strings ?? [:])
        func list(_ key: String) -> [String] { config?["cmd"]?[key]?.elements.map { $0.string ?? "" } ?? [] }
        commands = Inherited(parent: list("parent"), current: list("current"))
    }

    /// The YAML that a store holds, the id included if there is one; ends with a newline.
    package var storeYAML: [UInt8] { Tree.fields(tree(id: id)).yaml() }

    /// The id that the content has: sha256 of the YAML without its `id` line, as hexadecimal digits.
    package var computedID: String { Digest(of: Tree.fields(tree(id: "")).yaml()).hex }

    /// The same image with the id that its content has.
    package func identified() -> SealerImage {
        var copy = self
        copy.id = computedID
        return copy
    }

    /// The config blob that sealer pushes: compact JSON in the order of sealer's fields, and docker's
    /// `architecture`, `os` and `history` after them.
    package var configJSON: [UInt8] {
        let history = layers.map { layer in
            Tree.fields([
                "created_by": .string("\(layer.type) \(layer.value)"),
                "empty_layer": layer.id == nil ? .bool(true) : nil,
            ])
        }
        let own = Tree.fields(tree(id: id)).members
        let docker: Tree = .fields([
            "architecture": .text(platform.architecture), "os": .text(platform.os),
            "history": history.isEmpty ? nil : .array(history),
        ])
        return Tree.object(own + docker.members).json()
    }

    /// The fields in the order of sealer's Go structs; what is empty is left out where Go leaves it out.
    private func tree(id: String) -> KeyValuePairs<String, Tree?> {
        let layers = self.layers.map { layer in
            Tree.fields([
                "id": layer.id.map { .string($0.description) }, "type": .text(layer.type),
                "value": .text(layer.value),
            ])
        }
        let config: Tree = .fields([
            "image_type": .text(type),
            "cmd": .fields(["parent": .list(commands.parent), "current": .list(commands.current)]),
            "args": .fields(["parent": .map(arguments.parent), "current": .map(arguments.current)]),
            "labels": .map(labels),
        ])
        let spec: Tree = .fields([
            "id": .text(id), "layers": layers.isEmpty ? nil : .array(layers),
            "sealer_version": .text(sealerVersion),
            "platform": platform.tree,
            "image_config": config,
        ])
        let metadata: Tree = .fields([
            "name": .text(name), "creationTimestamp": .null, "annotations": .map(annotations),
        ])
        return [
            "kind": .text(kind), "apiVersion": .text(apiVersion), "metadata": metadata, "spec": spec,
            "status": .object([]),
        ]
    }
}

extension SealerImage.PlatformText {
    /// Reads the fields of an image's or a list's `platform`.
    init(_ tree: Tree?) {
        func text(_ key: String) -> String { tree?[key]?.string ?? "" }
        architecture = text("architecture")
        os = text("os")
        osVersion = text("os_version")
        variant = text("variant")
    }

    /// The fields in sealer's order.
    var tree: Tree {
        .fields([
            "architecture": .text(architecture), "os": .text(os), "os_version": .text(osVersion),
            "variant": .text(variant),
        ])
    }
}
