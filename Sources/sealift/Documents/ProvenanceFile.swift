// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Collect
internal import FoundationEssentials
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
        guard let bytes = try? File.open(file).bytes(limit: 256 << 20),
            let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)),
            record.schema == "provenance/1"
        else {
            (state, digest, ended, servers) = (.unreadable, nil, nil, [])
            return
        }
        state = record.bundle.digest == bundle.indexDigest ? .matches : .other
        digest = Digest(of: bytes)
        ended = record.ended
        let answers = record.blobs.flatMap { $0.answers ?? [] }
        let hosts = answers.map { $0.answered.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        servers = Set(hosts).subtracting([""]).sorted()
    }

    /// In words, for people.
    var summary: String {
        switch state {
        case .matches:
            "\(file), of \(ended ?? ""), answered by \(servers.isEmpty ? "no server" : servers.joined(separator: ", "))"
        case .other: "\(file) is of another bundle"
        case .unreadable: "\(file) cannot be read as one"
        }
    }

    private struct Record: Decodable {
        struct Made: Decodable { let digest: Digest }
        struct Answer: Decodable { let answered: String }
        struct Blob: Decodable { let answers: [Answer]? }
        let schema: String
        let bundle: Made
        let ended: String
        let blobs: [Blob]
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
