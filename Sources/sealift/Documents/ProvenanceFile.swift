// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Collect
internal import Glibc
internal import OCI

/// The record of a bundle's origin beside it, as `collect` wrote it. It is not covered by the bundle's signature.
struct ProvenanceFile: Encodable {
    /// What it is to the bundle.
    enum State: String, Encodable {
        /// It names this bundle.
        case matches
        /// It names another one: the bundle was made again since, without it.
        case other
        /// It is not such a record.
        case unreadable
    }

    /// Where it is.
    let file: String
    let state: State
    /// The SHA-256 of the file.
    let digest: Digest?
    /// When the bundle was whole, as it says.
    let ended: String?
    /// The hosts that answered, as it says.
    let servers: [String]

    /// Its place beside the bundle at `bundle`.
    static func path(of bundle: String) -> String { "\(bundle).provenance.json" }

    /// Writes the record of a bundle that was made.
    /// - Throws: a ``Failure`` where the folder cannot be written.
    static func write(_ provenance: Provenance) throws {
        let document = JSONDocument(schema: "provenance/1", value: ToolDocument(value: provenance))
        let text = String(decoding: try Console.json(document), as: UTF8.self)
        try AtomicWrite.write(Array(text.escapedData.utf8), to: path(of: provenance.bundle.path))
    }

    /// The record beside `bundle`; `nil` where there is none.
    init?(beside bundle: Bundle) {
        file = Self.path(of: bundle.path)
        if access(file, F_OK) != 0 { return nil }
        guard let bytes = try? File.open(file).text(limit: Self.largest), let record = Record(bytes) else {
            (state, digest, ended, servers) = (.unreadable, nil, nil, [])
            return
        }
        state = record.bundle == bundle.indexDigest ? .matches : .other
        digest = Digest(of: bytes)
        ended = record.ended
        servers = record.servers.sorted()
    }

    /// The largest record that is read, in bytes: that of 80,000 blobs.
    private static let largest = 64 << 20

    /// In words, for people.
    var summary: String {
        switch state {
        case .matches:
            "\(file), of \(ended ?? ""), answered by \(servers.isEmpty ? "no server" : servers.joined(separator: ", "))"
        case .other: "\(file) is of another bundle"
        case .unreadable: "\(file) cannot be read as one"
        }
    }

    /// What is shown of a record. Nothing else of it is kept: it is next to the bundle, and no signature covers it.
    private struct Record: JSONHandler {
        private(set) var bundle: Digest?
        private(set) var ended: String?
        private(set) var servers: Set<String> = []
        private var schema = ""
        private let bytes: [UInt8]
        /// The keys of what is open, empty for elements of lists, and the last key of the innermost.
        private var path: [String] = []
        private var last = ""
        /// So many servers are shown.
        private static let mostServers = 100

        /// - Returns: `nil` where the bytes are not such a record.
        init?(_ bytes: [UInt8]) {
            self.bytes = bytes
            let bounds = JSONBounds(depth: JSONText.deepest, repeatedKeys: true)
            guard (try? JSONParser.parse(bytes, within: bounds, into: &self)) != nil,
                schema == "provenance/1",
                bundle != nil, ended != nil
            else { return nil }
        }

        mutating func beginObject(at offset: Int) { begin() }
        mutating func beginArray(at offset: Int) { begin() }
        mutating func key(_ text: String, range: Range<Int>) { last = text }
        mutating func end(before offset: Int) {
            path.removeLast()
            last = ""
        }

        private mutating func begin() {
            path.append(last)
            last = ""
        }

        mutating func scalar(_ kind: JSONScalar, range: Range<Int>) {
            guard kind == .string else { return }
            switch (path.count, last) {
            case (1, "schema"): schema = JSONText.string(bytes[range])
            case (1, "ended"): ended = JSONText.string(bytes[range])
            case (2, "digest") where path[1] == "bundle": bundle = try? Digest(JSONText.string(bytes[range]))
            case (5, "answered") where path[1] == "blobs" && path[3] == "answers":
                let host = JSONText.string(bytes[range]).split(separator: "/").dropFirst().first
                if let host, servers.count < Self.mostServers { servers.insert(String(host)) }
            default: break
            }
        }
    }
}

/// A document with the program that made it in the key `tool`.
private struct ToolDocument<Value: Encodable>: Encodable {
    let value: Value

    private enum Key: CodingKey { case tool }

    func encode(to encoder: any Encoder) throws {
        try value.encode(to: encoder)
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(ToolVersion(), forKey: .tool)
    }
}
