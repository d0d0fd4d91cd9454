// SPDX-License-Identifier: Apache-2.0

/// One challenge of a `WWW-Authenticate` field (RFC 9110, 11.6.1): a scheme and its parameters.
struct Challenge: Equatable {
    /// Lower case.
    var scheme: String
    /// By lower-case name.
    var parameters: [String: String] = [:]

    /// Whether a token was understood, and does not allow it (RFC 6750, 3.1): another would not either.
    var wantsMoreRights: Bool { scheme == "bearer" && parameters["error"] == "insufficient_scope" }

    /// All challenges of all fields of an answer. What cannot be read is left out.
    static func parse(_ fields: [String]) -> [Challenge] {
        fields.flatMap { field -> [Challenge] in
            var scanner = Scanner(rest: Array(field.utf8)[...])
            return scanner.challenges()
        }
    }

    private struct Scanner {
        var rest: ArraySlice<UInt8>

        mutating func challenges() -> [Challenge] {
            var all: [Challenge] = []
            while true {
                skip { $0 == 0x20 || $0 == 0x09 || Self.separators.contains($0) }
                guard let word = token() else { return all }
                skip { $0 == 0x20 || $0 == 0x09 }
                guard rest.first == UInt8(ascii: "=") else {
                    all.append(Challenge(scheme: word.lowercased()))
                    continue
                }
                rest.removeFirst()
                skip { $0 == 0x20 || $0 == 0x09 }
                let value = rest.first == UInt8(ascii: "\"") ? quoted() : token() ?? ""
                guard !all.isEmpty else { continue }
                all[all.count - 1].parameters[word.lowercased()] = value
            }
        }

        private mutating func skip(_ isSkipped: (UInt8) -> Bool) { rest = rest.drop(while: isSkipped) }

        private mutating func token() -> String? {
            let letters = rest.prefix { $0 > 0x20 && $0 < 0x7F && !Self.separators.contains($0) }
            rest = rest.dropFirst(letters.count)
            return letters.isEmpty ? nil : String(decoding: letters, as: UTF8.self)
        }

        private mutating func quoted() -> String {
            var value: [UInt8] = []
            rest.removeFirst()
            while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                value.append(byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte)
            }
            return String(decoding: value, as: UTF8.self)
        }

        private static let separators = Set("=,\"".utf8)
    }
}
