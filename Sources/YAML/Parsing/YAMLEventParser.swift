// SPDX-License-Identifier: Apache-2.0
internal import CYaml
internal import OCI

/// One event of libyaml, its marks turned into byte offsets.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(String, YAMLNode.Style)
        case sequenceStart(flow: Bool), sequenceEnd
        case mappingStart(flow: Bool), mappingEnd
    }
    let kind: Kind
    let anchor: String?
    let tag: String?
    /// Where it begins, its anchor and tag included.
    let start: Int
    let end: Int
}

/// libyaml's event parser over a text in memory. Frees what libyaml allocates.
final class YAMLEventParser {
    let source: SourceText
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let skipped: Int
    /// How much of the text libyaml has taken.
    private var given: Int
    /// Whether the first value is written as JSON has it.
    private let isJSON: Bool
    /// Without a byte above 0x7F, characters are bytes.
    private let isASCII: Bool
    // Marks count characters; the cursor walks from the last one to the next.
    private var character = 0
    private var byte = 0

    init(_ source: SourceText) throws(Failure) {
        self.source = source
        skipped = source.markLength
        given = skipped
        isJSON = source.bytes[skipped...].first { $0 > 0x20 }.map { "{[".utf8.contains($0) } ?? false
        isASCII = source.bytes.withUnsafeBufferPointer { bytes in bytes.reduce(0, |) } < 0x80
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw Failure(.fault, "start the YAML parser for", source.path, because: "no memory is left")
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        // The parser belongs to this object, so that the handler is never called without it.
        yaml_parser_set_input(
            parser,
            { context, buffer, size, count in
                guard let context, let buffer, let count else { return 0 }
                let events = Unmanaged<YAMLEventParser>.fromOpaque(context).takeUnretainedValue()
                count.pointee = events.give(UnsafeMutableBufferPointer(start: buffer, count: size))
                return 1
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private func give(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let count = min(buffer.count, source.bytes.count - given)
        _ = buffer.update(fromContentsOf: source.bytes[given..<given + count])
        given += count
        return count
    }

    /// The next event and its bytes; the caller deletes it.
    /// - Throws: a ``Failure`` of kind `data` with line and column where the text is not YAML.
    func parse(into event: inout yaml_event_t) throws(Failure) -> (start: Int, end: Int) {
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        let (start, end) = (offset(event.start_mark), offset(event.end_mark))
        // JSON values may follow one another without a mark between them, as `jq -c` prints them and kubectl takes them.
        if event.type == YAML_DOCUMENT_END_EVENT, isJSON, end < source.bytes.count,
            "{[".utf8.contains(source.bytes[end])
        {
            parser.pointee.state = YAML_PARSE_IMPLICIT_DOCUMENT_START_STATE
        }
        return (start, end)
    }

    /// The next event. After `streamEnd` it must not be called again.
    /// - Throws: a ``Failure`` of kind `data` with line and column where the text is not YAML.
    func next() throws(Failure) -> YAMLEvent {
        var event = yaml_event_t()
        let (start, end) = try parse(into: &event)
        defer { yaml_event_delete(&event) }
        var anchor: String?
        var tag: String?
        let kind: YAMLEvent.Kind
        switch event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_ALIAS_EVENT: kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = .scalar(String(decoding: bytes, as: UTF8.self), Self.style(scalar.style))
            (anchor, tag) = (Self.text(scalar.anchor), Self.text(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let sequence = event.data.sequence_start
            kind = .sequenceStart(flow: sequence.style == YAML_FLOW_SEQUENCE_STYLE)
            (anchor, tag) = (Self.text(sequence.anchor), Self.text(sequence.tag))
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            let mapping = event.data.mapping_start
            kind = .mappingStart(flow: mapping.style == YAML_FLOW_MAPPING_STYLE)
            (anchor, tag) = (Self.text(mapping.anchor), Self.text(mapping.tag))
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        default: kind = .streamEnd
        }
        return YAMLEvent(kind: kind, anchor: anchor, tag: tag, start: start, end: end)
    }

    static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(decodingCString: $0, as: UTF8.self) }
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLNode.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    /// The byte offset of a mark in the whole text.
    private func offset(_ mark: yaml_mark_t) -> Int {
        if isASCII { return min(skipped + mark.index, source.bytes.count) }
        return source.bytes.withUnsafeBufferPointer { bytes in
            let last = bytes.count - skipped
            func continues(_ at: Int) -> Bool { at < last && bytes[skipped + at] & 0xC0 == 0x80 }
            while character < mark.index, byte < last {
                repeat { byte += 1 } while continues(byte)
                character += 1
            }
            while character > mark.index, byte > 0 {
                repeat { byte -= 1 } while continues(byte)
                character -= 1
            }
            return skipped + byte
        }
    }

    private func failure() -> Failure {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it does not parse"
        if parser.pointee.error == YAML_READER_ERROR {
            return source.refuse(
                "read the YAML of", at: skipped + parser.pointee.problem_offset, reason: problem,
                remedy: "save the file as UTF-8 text without control characters")
        }
        let at = offset(parser.pointee.problem_mark)
        let context = parser.pointee.context.map { String(cString: $0) } ?? ""
        let line = source.position(of: offset(parser.pointee.context_mark)).line
        let mistake = YAMLMistake(
            problem, context: context, line: line, byte: at < source.bytes.count ? source.bytes[at] : nil)
        return source.refuse("read the YAML of", at: at, reason: mistake.reason, remedy: mistake.remedy)
    }
}
