// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Every place in the sources that makes an error, as a catalogue: each names what failed, on what and why in one dialect.
/// What to do next is the place's own, or follows from the kind, which `FailureTests` checks.
@Suite struct FailureCatalogueTests {
    /// A `Failure(…)` of the sources: its place and the text between the parentheses.
    struct Entry {
        let place: String
        let text: String

        /// The first literal after `label`, placeholders included; `nil` where something else follows.
        func literal(after label: String) -> Substring? {
            guard let found = text.range(of: label) else { return nil }
            let rest = text[found.upperBound...].drop { $0.isWhitespace }
            guard rest.first == "\"", !rest.hasPrefix("\"\"\"") else { return nil }
            let body = rest.dropFirst()
            var (depth, place) = (0, body.startIndex)
            while place < body.endIndex, depth > 0 || body[place] != "\"" {
                if body[place] == "(" {
                    depth +=
                        place > body.startIndex && body[body.index(before: place)] == "\\" || depth > 0
                        ? 1 : 0
                }
                if body[place] == ")", depth > 0 { depth -= 1 }
                place = body.index(after: place)
            }
            return body[..<place]
        }
    }

    static func catalogue() throws -> [Entry] {
        var entries: [Entry] = []
        let files = try #require(
            FileManager.default.enumerator(at: ImportTests.sources, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let source = try String(contentsOf: file, encoding: .utf8)
            for found in source.ranges(
                of: /\bFailure\(\s*\.(usage|data|input|unavailable|fault|space|io|busy|denied|configuration),/
            ) {
                var (depth, end) = (0, source.index(found.lowerBound, offsetBy: 7))
                repeat {
                    if source[end] == "(" { depth += 1 }
                    if source[end] == ")" { depth -= 1 }
                    end = source.index(after: end)
                } while depth > 0 && end < source.endIndex
                let line = source[..<found.lowerBound].count { $0 == "\n" } + 1
                entries.append(
                    Entry(
                        place: "\(file.lastPathComponent):\(line)",
                        text: String(source[found.lowerBound..<end])))
            }
        }
        return entries
    }

    @Test func everyErrorSaysWhatFailedAndWhy() throws {
        let entries = try Self.catalogue()
        #expect(entries.count > 250)
        for entry in entries {
            #expect(entry.text.contains("because:"), "\(entry.place) says no reason")
            guard let operation = entry.literal(after: ",") else { continue }
            #expect(operation.first?.isLowercase == true, "\(entry.place): \(operation)")
            #expect(
                !operation.isEmpty && operation.count < 60 && !operation.hasPrefix("cannot"),
                "\(entry.place): \(operation)")
        }
    }

    @Test func reasonsAndRemediesAreOfOneDialect() throws {
        for entry in try Self.catalogue() {
            for label in ["because:", "remedy:"] {
                guard let text = entry.literal(after: label), !text.isEmpty else { continue }
                #expect(
                    text.last != "." || text.hasSuffix("…"), "\(entry.place) ends in a full stop: \(text)")
                let first = text.prefix { $0.isLetter }
                #expect(
                    first.isEmpty || first.first?.isLowercase == true || first.allSatisfy(\.isUppercase)
                        || first.count < 3
                        || ["Content", "Mirrors", "Swift"].contains(first),
                    "\(entry.place) begins in upper case: \(text)")
            }
        }
    }

    /// Also those that are put together, or kept in a variable before.
    @Test func textsThatArePutTogetherBeginInLowerCase() throws {
        let files = try #require(
            FileManager.default.enumerator(at: ImportTests.sources, includingPropertiesForKeys: nil))
        var seen = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let source = try String(contentsOf: file, encoding: .utf8)
            let text =
                #/
                \b(?:remedy|because|advice)(?::|\ =|\ \+=)
                (?:[^",;{}]|"(?:[^"\\]|\\.)*"\s*[?:+])*?
                \s"([A-Za-z]+)\s
                /#
            for found in source.matches(of: text) {
                seen += 1
                let first = found.output.1
                #expect(
                    first.first?.isLowercase == true || first.allSatisfy(\.isUppercase)
                        || ["Content", "Helm"].contains(first),
                    "\(file.lastPathComponent) begins a text in upper case: \(found.output.0)")
            }
        }
        #expect(seen > 400)
    }
}
