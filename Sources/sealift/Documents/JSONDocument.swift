// SPDX-License-Identifier: Apache-2.0

/// A document for programs with the name and version of its form in the key `schema`: `inspect/1`. A version stays
/// when keys are added, and rises when one changes its meaning or goes. `bundles/output.schema.json` describes each.
struct JSONDocument<Value: Encodable>: Encodable {
    let schema: String
    /// Must encode as an object without a key `schema`.
    let value: Value

    private enum Key: CodingKey { case schema }

    func encode(to encoder: any Encoder) throws {
        try value.encode(to: encoder)
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(schema, forKey: .schema)
    }
}

/// The program that made a document.
struct ToolVersion: Encodable {
    let name = "sealift"
    let version = Sealift.version
}
