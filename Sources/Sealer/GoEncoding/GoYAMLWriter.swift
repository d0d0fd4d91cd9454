// SPDX-License-Identifier: Apache-2.0
internal import CYaml
internal import OCI

extension Tree {
    /// The document as go-yaml v2 writes it for sealer: block style, keys in natural order, strings that
    /// YAML 1.1 would misread quoted, plain text folded at the first space past column 80, text of
    /// several lines as a literal block.
    ///
    /// go-yaml's emitter is a translation of libyaml's, which therefore does the writing here.
    package func yaml() -> [UInt8] {
        let emitter = GoYAMLWriter()
        emitter.begin()
        write(to: emitter)
        return emitter.end()
    }

    private func write(to emitter: GoYAMLWriter) {
        switch self {
        case .null: emitter.scalar("null", quoted: false)
        case .bool(let value): emitter.scalar(value ? "true" : "false", quoted: false)
        case .number(let text): emitter.scalar(text, quoted: false)
        case .string(let text): emitter.scalar(text, quoted: !GoYAMLScalar.isString(text))
        case .array(let elements):
            emitter.beginSequence()
            for element in elements { element.write(to: emitter) }
            emitter.endSequence()
        case .object(let members):
            emitter.beginMapping()
            for member in members.sorted(by: { Self.naturallyPrecedes($0.key, $1.key) }) {
                emitter.scalar(member.key, quoted: !GoYAMLScalar.isString(member.key))
                member.value.write(to: emitter)
            }
            emitter.endMapping()
        }
    }

    /// go-yaml's order of keys: runs of digits by value, letters after what is not a letter, all else by
    /// code point.
    static func naturallyPrecedes(_ left: String, _ right: String) -> Bool {
        let left = Array(left.unicodeScalars)
        let right = Array(right.unicodeScalars)
        guard let at = zip(left, right).enumerated().first(where: { $1.0 != $1.1 })?.offset else {
            return left.count < right.count
        }
        func isLetter(_ scalar: Unicode.Scalar) -> Bool {
            [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter]
                .contains(scalar.properties.generalCategory)
        }
        let letters = (isLetter(left[at]), isLetter(right[at]))
        if letters.0 && letters.1 { return left[at] < right[at] }
        if letters.0 || letters.1 { return letters.1 }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .decimalNumber }
        // A zero counts only where digits other than zero precede it.
        let before = left[..<at].reversed().prefix(while: isDigit)
        let seed = (left[at] == "0" || right[at] == "0") && before.contains { $0 != "0" } ? 1 : 0
        func run(_ text: [Unicode.Scalar]) -> (value: Int, end: Int) {
            let digits = text[at...].prefix(while: isDigit)
            return (digits.reduce(seed) { $0 &* 10 &+ Int($1.value) &- 48 }, digits.endIndex)
        }
        let (a, b) = (run(left), run(right))
        if a.value != b.value { return a.value < b.value }
        if a.end != b.end { return a.end < b.end }
        return left[at] < right[at]
    }
}

/// libyaml's emitter with go-yaml's settings, writing into memory.
private final class GoYAMLWriter {
    private let emitter: UnsafeMutablePointer<yaml_emitter_t>
    private let output = Output()

    private final class Output {
        var bytes: [UInt8] = []
    }

    init() {
        emitter = .allocate(capacity: 1)
        guard yaml_emitter_initialize(emitter) == 1 else { fatalError("libyaml has no memory") }
        yaml_emitter_set_unicode(emitter, 1)
        yaml_emitter_set_output(
            emitter,
            { data, bytes, count in
                let output = Unmanaged<Output>.fromOpaque(data!).takeUnretainedValue()
                output.bytes += UnsafeBufferPointer(start: bytes, count: count)
                return 1
            }, Unmanaged.passUnretained(output).toOpaque())
    }

    deinit {
        yaml_emitter_delete(emitter)
        emitter.deallocate()
    }

    private func emit(_ fill: (UnsafeMutablePointer<yaml_event_t>) -> Int32) {
        var event = yaml_event_t()
        // Only a lack of memory or a wrong order of our own events can fail here.
        guard fill(&event) == 1, yaml_emitter_emit(emitter, &event) == 1 else {
            fatalError("libyaml cannot write a document")
        }
    }

    func begin() {
        emit { yaml_stream_start_event_initialize($0, YAML_UTF8_ENCODING) }
        emit { yaml_document_start_event_initialize($0, nil, nil, nil, 1) }
    }

    func end() -> [UInt8] {
        // The stream is not ended: after a block scalar that keeps its line ends libyaml, unlike go-yaml,
        // would then write `...`.
        emit { yaml_document_end_event_initialize($0, 1) }
        yaml_emitter_flush(emitter)
        return output.bytes
    }

    func beginSequence() {
        emit { yaml_sequence_start_event_initialize($0, nil, nil, 1, YAML_BLOCK_SEQUENCE_STYLE) }
    }

    func endSequence() { emit { yaml_sequence_end_event_initialize($0) } }

    func beginMapping() {
        emit { yaml_mapping_start_event_initialize($0, nil, nil, 1, YAML_BLOCK_MAPPING_STYLE) }
    }

    func endMapping() { emit { yaml_mapping_end_event_initialize($0) } }

    func scalar(_ text: String, quoted: Bool) {
        var bytes = Array(text.utf8)
        let count = Int32(bytes.count)
        let style =
            bytes.contains(0x0A)
            ? YAML_LITERAL_SCALAR_STYLE : quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE
        emit { yaml_scalar_event_initialize($0, nil, nil, &bytes, count, 1, 1, style) }
    }
}
