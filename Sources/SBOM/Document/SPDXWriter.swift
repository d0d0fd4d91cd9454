// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Writes an SPDX document piece by piece, an element a line, so that its size costs no memory.
struct SPDXWriter {
    private let write: ([UInt8]) throws(Failure) -> Void
    private var buffer: [UInt8] = []
    private var isFirst = true

    /// Begins with what the document says of itself.
    init(
        _ document: SPDX.Document, to write: @escaping ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        self.write = write
        buffer = Array(try Self.json(document).dropLast())
        buffer += ",\n\"packages\":[\n".utf8
    }

    mutating func add(_ package: SPDX.Package) throws(Failure) { try add(Self.json(package)) }

    /// Ends the packages.
    mutating func beginRelationships() {
        buffer += "\n],\n\"relationships\":[\n".utf8
        isFirst = true
    }

    /// Both are identifiers of elements: letters, digits, dots and hyphens.
    mutating func relate(_ one: String, _ kind: String, _ other: String) throws(Failure) {
        try add(
            Array(
                "{\"relatedSpdxElement\":\"\(other)\",\"relationshipType\":\"\(kind)\",\"spdxElementId\":\"\(one)\"}"
                    .utf8))
    }

    /// Ends the document.
    mutating func finish() throws(Failure) {
        buffer += "\n]}\n".utf8
        try write(buffer)
        buffer = []
    }

    private mutating func add(_ element: [UInt8]) throws(Failure) {
        if !isFirst { buffer += ",\n".utf8 }
        isFirst = false
        buffer += element
        guard buffer.count >= 1 << 18 else { return }
        try write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private static func json(_ value: some Encodable) throws(Failure) -> [UInt8] {
        Array(String(decoding: try CompactJSON.encode(value), as: UTF8.self).escapedForDisplay.utf8)
    }
}
