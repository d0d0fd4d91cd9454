// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension YAMLDocument {
    /// The one JSON value of `source`, as nodes of YAML's flow style, so that one editor serves both.
    /// - Throws: a ``Failure`` of kind `data` with line and column at the first byte that is not JSON.
    init(json source: SourceText) throws(Failure) {
        guard source.bytes.count <= YAMLDocuments.largestText else {
            throw Failure(
                .data, "read the JSON of", source.path,
                because: "it has \(source.bytes.count) bytes, more than \(YAMLDocuments.largestText)")
        }
        func refuse(_ fault: JSONFault) -> Failure {
            source.refuse(
                "read the JSON of", at: fault.offset, reason: fault.reason,
                remedy: "fix the file there; `jq . FILE` shows whether it is JSON")
        }
        if source.markLength > 0 {
            throw refuse(JSONFault(offset: 0, reason: "it begins with a byte-order mark"))
        }
        // A key that is repeated is for the editor to report, with both places.
        let bounds = JSONBounds(
            depth: YAMLDocuments.deepestNesting, values: YAMLDocuments.mostNodes, repeatedKeys: true)
        do throws(JSONFault) {
            self.init(
                root: YAMLNode(try JSONNode(source.bytes, within: bounds), of: source.bytes), aliased: [])
        } catch { throw refuse(error) }
    }
}

extension YAMLNode {
    /// The node of a value that was read from `bytes`.
    fileprivate init(_ json: JSONNode, of bytes: [UInt8]) {
        let content: Content
        switch json.content {
        case .object(let members):
            let entries = members.map { member in
                Entry(
                    key: YAMLNode(
                        content: .scalar(member.key, .doubleQuoted), anchor: nil, tag: nil,
                        range: member.range),
                    value: YAMLNode(member.value, of: bytes))
            }
            content = .mapping(entries, flow: true)
        case .array(let items): content = .sequence(items.map { YAMLNode($0, of: bytes) }, flow: true)
        case .scalar(.string): content = .scalar(JSONText.string(bytes[json.range]), .doubleQuoted)
        case .scalar: content = .scalar(String(decoding: bytes[json.range], as: UTF8.self), .plain)
        }
        self.init(content: content, anchor: nil, tag: nil, range: json.range)
    }
}
