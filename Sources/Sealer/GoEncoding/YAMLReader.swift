// SPDX-License-Identifier: Apache-2.0
internal import CYaml
package import OCI

extension Tree {
    /// Parses the first document of a YAML file of plain maps, lists and scalars, as a store holds them.
    /// Every scalar is read as a string, but an unquoted `null` or nothing as ``null``.
    /// - Throws: a ``Failure`` of kind `data` that names the line; also for aliases and deep nesting.
    package init(yaml bytes: [UInt8], artifact: String) throws(Failure) {
        let reader = YAMLReader(bytes, artifact: artifact)
        self = try reader.document()
    }
}

/// libyaml's parser, its events made a tree.
private final class YAMLReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let artifact: String

    private enum Event {
        case scalar(String, plain: Bool)
        case beginSequence, endSequence, beginMapping, endMapping
        case end
    }

    init(_ bytes: [UInt8], artifact: String) {
        self.artifact = artifact
        input = .allocate(capacity: bytes.count)
        _ = input.initialize(from: bytes)
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else { fatalError("libyaml has no memory") }
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    func document() throws(Failure) -> Tree { try tree(from: next(), depth: 0) }

    private func refuse(_ reason: String, line: Int) -> Failure {
        Failure(.data, "read the YAML of", artifact, because: "line \(line + 1): \(reason)")
    }

    private func next() throws(Failure) -> Event {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else {
                let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it is not YAML"
                throw refuse(problem, line: Int(parser.pointee.problem_mark.line))
            }
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
                return .scalar(
                    String(decoding: bytes, as: UTF8.self), plain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            case YAML_SEQUENCE_START_EVENT: return .beginSequence
            case YAML_SEQUENCE_END_EVENT: return .endSequence
            case YAML_MAPPING_START_EVENT: return .beginMapping
            case YAML_MAPPING_END_EVENT: return .endMapping
            case YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT: return .end
            case YAML_ALIAS_EVENT: throw refuse("an alias", line: Int(event.start_mark.line))
            default: continue
            }
        }
    }

    private func tree(from event: Event, depth: Int) throws(Failure) -> Tree {
        guard depth <= Tree.deepest else {
            throw refuse("it is nested too deep", line: Int(parser.pointee.mark.line))
        }
        switch event {
        case .scalar(let text, let plain):
            return plain && ["", "~", "null", "Null", "NULL"].contains(text) ? .null : .string(text)
        case .beginSequence:
            var elements: [Tree] = []
            while true {
                let event = try next()
                if case .endSequence = event { return .array(elements) }
                elements.append(try tree(from: event, depth: depth + 1))
            }
        case .beginMapping:
            var members: [Tree.Member] = []
            while true {
                let event = try next()
                if case .endMapping = event { return .object(members) }
                guard case .scalar(let key, _) = event else {
                    throw refuse("a key that is not a scalar", line: Int(parser.pointee.mark.line))
                }
                members.append(Tree.Member(key: key, value: try tree(from: next(), depth: depth + 1)))
            }
        case .end, .endSequence, .endMapping: return .null
        }
    }
}
