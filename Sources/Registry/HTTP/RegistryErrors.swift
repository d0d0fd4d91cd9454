// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What the body of an error says: the code and the words of a registry (OCI distribution specification, "Error Codes"),
/// or the words of a token server.
struct RegistryErrors: Equatable {
    /// The first code: `MANIFEST_UNKNOWN`.
    private(set) var code: String?
    /// The words, on one line and at most 300 characters; `nil` where they say no more than the code.
    private(set) var message: String?

    /// - Parameter secrets: what was sent; words in which one occurs are not taken, since a hostile server may send a login
    ///   back to have it shown.
    init(_ body: [UInt8], hiding secrets: [String]) {
        guard let fields = try? JSONText.decode(Fields.self, from: body) else { return }
        let entries = fields.errors.prefix(3)
        code = entries.first?.code.flatMap { code in
            let isPlain = code.utf8.allSatisfy { $0 == 0x5F || (0x41...0x5A).contains($0) }
            return isPlain && !code.isEmpty && code.utf8.count <= 40 ? code : nil
        }
        let trivial = code.map { $0.lowercased().replacing("_", with: " ") }
        var said: [String] = []
        for text in entries.compactMap(\.message) + fields.words {
            let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if !line.isEmpty, line.lowercased() != trivial, !said.contains(line) { said.append(line) }
        }
        let all = said.joined(separator: "; ")
        guard !all.isEmpty, !secrets.contains(where: { !$0.isEmpty && all.contains($0) }) else { return }
        message = all.count > 300 ? all.prefix(300) + "…" : all
    }

    private struct Fields: Decodable {
        var errors: [Entry] = []
        var words: [String] = []

        private enum Key: String, CodingKey, CaseIterable {
            case errors, message, details, detail
            case description = "error_description"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            errors = (try? fields.decodeIfPresent([Entry].self, forKey: .errors)) ?? []
            guard errors.isEmpty else { return }
            words = Key.allCases.dropFirst().compactMap {
                try? fields.decodeIfPresent(String.self, forKey: $0)
            }
        }
    }

    private struct Entry: Decodable {
        var code: String?
        var message: String?

        private enum Key: CodingKey { case code, message }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            code = try? fields.decodeIfPresent(String.self, forKey: .code)
            message = try? fields.decodeIfPresent(String.self, forKey: .message)
        }
    }
}
