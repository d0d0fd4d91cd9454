// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Every document, section and rule that the repository cites exists in it.
@Suite struct ReferenceTests {
    static let root = ImportTests.sources.deletingLastPathComponent()

    /// The text files that people read: sources, documents, scripts.
    static func texts() throws -> [(path: String, text: String)] {
        var found: [(String, String)] = []
        for folder in ["Sources", "Tests", "bundles", ".github"] {
            let start = root.appending(path: folder)
            guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else {
                continue
            }
            for case let file as URL in walk
            where ["swift", "md", "py", "sh", "yaml"].contains(file.pathExtension) {
                found.append(
                    (file.path(percentEncoded: false), try String(contentsOf: file, encoding: .utf8)))
            }
        }
        let readme = root.appending(path: "README.md")
        found.append((readme.path(percentEncoded: false), try String(contentsOf: readme, encoding: .utf8)))
        return found
    }

    /// The rules of the article on the real sealer: `3.12` for the twelfth of part 3.
    static func rules() throws -> Set<String> {
        let article = ImportTests.sources.appending(path: "Sealer/Sealer.docc/Rules.md")
        var part = ""
        var rules: Set<String> = []
        for line in try String(contentsOf: article, encoding: .utf8).split(separator: "\n") {
            if let match = line.firstMatch(of: #/^### (\d+)\. /#) { part = String(match.1) }
            if let match = line.firstMatch(of: #/^(\d+)\. /#), !part.isEmpty {
                rules.insert("\(part).\(match.1)")
            }
        }
        return rules
    }

    @Test func citedRulesOfSealerExist() throws {
        let known = try Self.rules()
        #expect(known.count > 50)
        var cited = 0
        for (path, text) in try Self.texts() where path.hasSuffix(".swift") {
            for match in text.matches(of: #/sealer rules? (\d+\.\d+)(?:(?: to | and |,\s+)(\d+\.\d+))*/#) {
                cited += 1
                for rule in match.0.matches(of: #/\d+\.\d+/#) {
                    #expect(known.contains(String(rule.0)), "\(path) cites rule \(rule.0)")
                }
            }
        }
        #expect(cited > 10)
    }

    @Test func linksBetweenDocumentsResolve() throws {
        var checked = 0
        for (path, text) in try Self.texts() where path.hasSuffix(".md") {
            let folder = URL(filePath: path).deletingLastPathComponent()
            for match in text.matches(of: #/\]\(([^)#\s]+)(#[^)]*)?\)/#) {
                let target = String(match.1)
                if target.contains("://") || target.hasPrefix("mailto:") { continue }
                checked += 1
                #expect(
                    FileManager.default.fileExists(
                        atPath: folder.appending(path: target).path(percentEncoded: false)),
                    "\(path) links to \(target)")
            }
        }
        #expect(checked > 10)
    }

    @Test func documentsNamedInSourcesExist() throws {
        let texts = try Self.texts()
        let documents = Set(texts.map { URL(filePath: $0.path).lastPathComponent })
        // Names that the specifications and tools of others have.
        let foreign: Set<String> = [
            "image-layout.md", "image-index.md", "manifest.md", "config.md", "descriptor.md",
            "annotations.md",
            "hosts.md", "spec.md", "layer.md", "design.md", "media-types.md", "SIGNATURE_SPEC.md",
        ]
        for (path, text) in texts where path.hasSuffix(".swift") {
            for line in text.split(separator: "\n") where line.firstMatch(of: #/^\s*\/\//#) != nil {
                for match in line.matches(of: #/[A-Za-z][A-Za-z0-9_-]*\.md\b/#) {
                    let name = String(match.0)
                    #expect(documents.contains(name) || foreign.contains(name), "\(path) names \(name)")
                }
                for match in line.matches(of: #/<doc:([A-Za-z]+)>/#) {
                    #expect(documents.contains("\(match.1).md"), "\(path) names the article \(match.1)")
                }
            }
        }
    }
}
