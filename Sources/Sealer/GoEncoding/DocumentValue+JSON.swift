// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Tree {
    /// Parses one JSON document (RFC 8259) whose keys are all different; only white space may be around it.
    /// - Throws: a ``Failure`` of kind `data` that names the byte, also for nesting beyond ``deepest``.
    package init(json bytes: [UInt8], artifact: String) throws(Failure) {
        do throws(JSONFault) {
            self.init(try JSONNode(bytes, within: JSONBounds(depth: Self.deepest)), of: bytes)
        } catch {
            throw Failure(
                .data, "read the JSON of", artifact, because: "byte \(error.offset): \(error.reason)")
        }
    }

    private init(_ json: JSONNode, of bytes: [UInt8]) {
        switch json.content {
        case .object(let members):
            self = .object(members.map { Member(key: $0.key, value: Tree($0.value, of: bytes)) })
        case .array(let items): self = .array(items.map { Tree($0, of: bytes) })
        case .scalar(.string): self = .string(JSONText.string(bytes[json.range]))
        case .scalar(.number): self = .number(String(decoding: bytes[json.range], as: UTF8.self))
        case .scalar(.bool(let value)): self = .bool(value)
        case .scalar(.null): self = .null
        }
    }
}
