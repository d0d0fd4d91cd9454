// SPDX-License-Identifier: Apache-2.0
internal import CYaml
internal import OCI

/// Reads a rewritten file beside the file before it, event by event, and compares every value.
struct RewriteProof {
    private let changes: [ImageChange]
    private var next = 0

    /// - Parameter changes: in order of place.
    init(_ changes: [ImageChange]) { self.changes = changes }

    /// - Throws: a ``Failure`` of kind `configuration` where more than the changes differs.
    mutating func check(_ before: SourceText, after: SourceText) throws(Failure) {
        func refuse(_ offset: Int, reason: String) -> Failure {
            Failure(
                .configuration, "rewrite the images of", before.place(offset), because: reason,
                remedy: "write the name in quotes, on one line, and try again")
        }
        let first = changes.first?.range.lowerBound ?? 0
        let old = try YAMLEventParser(before)
        do throws(Failure) {
            let new = try YAMLEventParser(after)
            while true {
                var (one, other) = (yaml_event_t(), yaml_event_t())
                let (start, end) = try old.parse(into: &one)
                defer { yaml_event_delete(&one) }
                _ = try new.parse(into: &other)
                defer { yaml_event_delete(&other) }
                guard isSame(one, as: other, in: start..<max(start, end)) else {
                    throw refuse(start, reason: "another value would change with it")
                }
                if one.type == YAML_STREAM_END_EVENT { break }
            }
            guard next == changes.count else {
                throw refuse(changes[next].range.lowerBound, reason: "the result does not hold it")
            }
        } catch {
            throw error.kind == .configuration
                ? error : refuse(first, reason: "the result would not parse (\(error.reason))")
        }
    }

    private mutating func isSame(_ one: yaml_event_t, as other: yaml_event_t, in range: Range<Int>) -> Bool {
        guard one.type == other.type else { return false }
        switch one.type {
        case YAML_SCALAR_EVENT: return isSameScalar(one, as: other, in: range)
        case YAML_ALIAS_EVENT: return Self.isSame(one.data.alias.anchor, as: other.data.alias.anchor)
        case YAML_SEQUENCE_START_EVENT:
            let (one, other) = (one.data.sequence_start, other.data.sequence_start)
            return Self.isSame(one.anchor, as: other.anchor) && Self.isSame(one.tag, as: other.tag)
        case YAML_MAPPING_START_EVENT:
            let (one, other) = (one.data.mapping_start, other.data.mapping_start)
            return Self.isSame(one.anchor, as: other.anchor) && Self.isSame(one.tag, as: other.tag)
        default: return true
        }
    }

    private mutating func isSameScalar(_ one: yaml_event_t, as other: yaml_event_t, in range: Range<Int>)
        -> Bool
    {
        let (old, new) = (one.data.scalar, other.data.scalar)
        guard Self.isSame(old.anchor, as: new.anchor), Self.isSame(old.tag, as: new.tag) else { return false }
        let before = UnsafeBufferPointer(start: old.value, count: old.length)
        let after = UnsafeBufferPointer(start: new.value, count: new.length)
        guard due(in: range) != nil else {
            return old.style == new.style && before.count == after.count && before.elementsEqual(after)
        }
        // A value that was null becomes text; all others stay what they were.
        let wasPlain = old.style == YAML_PLAIN_SCALAR_STYLE && old.tag == nil
        let text = String(decoding: before, as: UTF8.self)
        let wasNull = wasPlain && YAMLScalarType(plain: text) == .null
        guard wasNull || old.style == new.style else { return false }
        if new.style == YAML_PLAIN_SCALAR_STYLE, new.tag == nil {
            let type = YAMLScalarType(plain: String(decoding: after, as: UTF8.self))
            guard type == (wasNull ? .string : YAMLScalarType(plain: text)) else { return false }
        }
        guard let expected = expected(before, in: range) else { return false }
        return after.elementsEqual(expected)
    }

    /// The next change, where it is within the scalar.
    private func due(in range: Range<Int>) -> ImageChange? {
        guard next < changes.count else { return nil }
        let start = changes[next].range.lowerBound
        return range.contains(start) || range.isEmpty && start == range.lowerBound ? changes[next] : nil
    }

    /// The scalar's text with the changes within it made to it.
    private mutating func expected(_ text: UnsafeBufferPointer<UInt8>, in range: Range<Int>) -> [UInt8]? {
        var result: [UInt8] = []
        var at = 0
        while let change = due(in: range) {
            next += 1
            let end = change.offset + change.before.utf8.count
            guard change.offset >= at, end <= text.count,
                text[change.offset..<end].elementsEqual(change.before.utf8)
            else { return nil }
            result += text[at..<change.offset]
            result += change.after.utf8
            at = end
        }
        return result + text[at...]
    }

    private static func isSame(_ one: UnsafeMutablePointer<UInt8>?, as other: UnsafeMutablePointer<UInt8>?)
        -> Bool
    {
        YAMLEventParser.text(one) == YAMLEventParser.text(other)
    }
}
