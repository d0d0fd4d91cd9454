// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

extension Manifest {
    /// An index as this one, but of the children in `kept` alone; all that is said of them, and of the whole,
    /// stays. The same choice gives the same bytes. `nil` where nothing would be left out.
    func narrowed(to kept: Set<Digest>) throws(Failure) -> Manifest? {
        guard case .index(let children) = content, !children.allSatisfy({ kept.contains($0.digest) }) else {
            return nil
        }
        let artifact = "\(descriptor.digest)"
        do {
            guard case .object(var fields) = try JSONDecoder().decode(JSONTree.self, from: Data(raw)),
                case .array(let items) = fields["manifests"], items.count == children.count
            else { throw Failure(.fault, "narrow", artifact, because: "it is no index") }
            fields["manifests"] = .array(
                zip(items, children).filter { kept.contains($0.1.digest) }.map { $0.0 })
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let bytes = Array(try encoder.encode(JSONTree.object(fields)))
            return try Manifest(parsing: bytes, type: descriptor.mediaType, artifact: artifact)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.data, "narrow", artifact, because: Manifest.explain(error))
        }
    }
}

/// Any JSON value; the order of an object's keys is not kept.
private enum JSONTree: Codable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    case integer(Int64)
    case number(Double)
    case bool(Bool)
    case null

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSONTree].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSONTree].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .object(let fields): try value.encode(fields)
        case .array(let items): try value.encode(items)
        case .string(let text): try value.encode(text)
        case .integer(let integer): try value.encode(integer)
        case .number(let number): try value.encode(number)
        case .bool(let bool): try value.encode(bool)
        case .null: try value.encodeNil()
        }
    }
}
