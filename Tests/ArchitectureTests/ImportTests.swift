// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The arrows of the design, held against the import lines of every source file.
@Suite struct ImportTests {
    /// What each target may import, beyond the standard library's own modules.
    static let allowed: [String: Set<String>] = [
        "OCI": ["CArchive", "COpenSSL", "CISAL", "CDeflate", "CLinux"],
        "YAML": ["OCI", "CYaml"],
        "Spec": ["OCI", "YAML"],
        "Registry": ["OCI", "CCurl"],
        "BundleFormat": ["OCI", "Spec", "COpenSSL", "CLinux"],
        "Sealer": ["OCI", "YAML", "CYaml", "CISAL", "CLinux"],
        "Build": ["OCI", "YAML", "Spec", "Sealer", "CLinux"],
        "Collect": ["OCI", "Registry", "BundleFormat", "Spec", "YAML", "Sealer", "Build"],
        "Push": ["OCI", "Registry", "BundleFormat", "Spec", "YAML"],
        "Apply": ["OCI", "BundleFormat", "Sealer", "Spec", "YAML", "Build"],
        "HTMLPages": ["OCI"],
        "Serve": ["OCI", "HTMLPages", "CCrypt", "COpenSSL", "NIOCore", "NIOPosix", "NIOHTTP1"],
        "Export": ["OCI"],
        "SBOM": ["OCI", "BundleFormat"],
        "sealift": [
            "OCI", "YAML", "Spec", "Registry", "BundleFormat", "Sealer", "Build", "Collect", "Apply", "Push",
            "Serve", "HTMLPages", "SBOM",
            "Export", "ArgumentParser", "CStartup", "COpenSSL",
        ],
    ]
    static let everywhere: Set<String> = ["Glibc", "FoundationEssentials", "Synchronization", "Dispatch"]
    static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    static func imports(of file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
            var words = line.split(separator: " ")
            while let first = words.first,
                first.hasPrefix("@") || ["public", "package", "internal"].contains(first)
            {
                words.removeFirst()
            }
            guard words.first == "import", words.count > 1 else { return nil }
            let kinds: Set<Substring> = [
                "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
            ]
            let module = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
            return module.split(separator: ".").first.map(String.init)
        }
    }

    @Test func arrowsPointOneWay() throws {
        var checked = 0
        for target in try FileManager.default.contentsOfDirectory(atPath: Self.sources.path())
        where !["README.md", "LICENSE"].contains(target) {
            guard let own = Self.allowed[target] else {
                #expect(target.hasPrefix("C"), "the target \(target) has no rule in this test")
                continue
            }
            let folder = Self.sources.appending(path: target)
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            for case let file as URL in try #require(files) where file.pathExtension == "swift" {
                checked += 1
                for module in try Self.imports(of: file) {
                    #expect(
                        own.contains(module) || Self.everywhere.contains(module),
                        "\(target)/\(file.lastPathComponent) imports \(module)")
                }
            }
        }
        #expect(checked > 10)
    }

    @Test func noTargetIsCalledUtils() throws {
        for case let name as String in try #require(
            FileManager.default.enumerator(atPath: Self.sources.path()))
        {
            let words = ["Utils", "Util", "Helpers", "Helper", "Common", "Misc"]
            let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
            #expect(!words.contains(stem), "\(name)")
        }
    }
}
