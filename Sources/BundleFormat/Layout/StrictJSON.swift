// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// JSON as this module writes it, and as strictly as it reads it.
enum StrictJSON {
    /// The compact form: keys sorted, no spaces. Equal values give equal bytes.
    static func compact(_ value: some Encodable) throws(Failure) -> [UInt8] { try CompactJSON.encode(value) }

    /// The form for people and for version control: keys sorted, indented, with a final newline.
    static func pretty(_ value: some Encodable) throws(Failure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        do { return try Array(encoder.encode(value)) + [UInt8(ascii: "\n")] } catch {
            throw Failure(.fault, "write as JSON", "\(type(of: value))", because: "\(error)")
        }
    }

    /// Decodes `bytes` and refuses whatever the type does not know.
    ///
    /// - Throws: a ``Failure`` of `kind` that names the line and the key: for what is not JSON, a
    ///   missing, unknown or repeated key, a value of another type, `null`.
    static func decode<Value: Codable>(
        _ type: Value.Type, from bytes: [UInt8], kind: Failure.Kind, verb: String, artifact: String,
        remedy: String, limit: Int
    ) throws(Failure) -> Value {
        func refuse(_ reason: String) -> Failure {
            Failure(kind, verb, artifact, because: reason, remedy: remedy)
        }
        guard bytes.count <= limit else {
            throw refuse("it has \(bytes.count) bytes, more than \(limit)")
        }
        let value: Value
        do {
            value = try JSONText.decode(type, from: bytes)
        } catch {
            let line = (error as? DecodingError).flatMap { JSONShape(bytes)?.line(of: $0.place) }
            throw refuse((line.map { "line \($0), " } ?? "") + Manifest.explain(error))
        }
        // What is written as we write it has no key that the type does not know; spaces may follow.
        let again = try compact(value)
        if bytes.starts(with: again), bytes[again.count...].allSatisfy({ $0 == UInt8(ascii: " ") }) {
            return value
        }
        guard let shape = JSONShape(bytes) else { throw refuse("it is not well-formed JSON") }
        if let surplus = JSONShape(again).flatMap({ shape.surplus(over: $0) }) {
            throw refuse(surplus)
        }
        return value
    }
}

extension DecodingError {
    /// The path to the value that could not be decoded.
    fileprivate var place: [any CodingKey] {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context.codingPath
        @unknown default: []
        }
    }
}
