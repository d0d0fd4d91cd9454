// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Each test that the table of threats names is there.
@Suite struct ThreatTests {
    @Test func everyNamedTestIsThere() throws {
        let root = ImportTests.sources.deletingLastPathComponent()
        var known: Set<String> = []
        let declared = try Regex(#"(?:func|struct|class|def) +(\w+)"#)
        for case let file as URL in try #require(
            FileManager.default.enumerator(at: root.appending(path: "Tests"), includingPropertiesForKeys: nil)
        )
        where ["swift", "py"].contains(file.pathExtension) {
            for match in try String(contentsOf: file, encoding: .utf8).matches(of: declared) {
                if let name = match.output[1].substring { known.insert(String(name)) }
            }
        }
        let table = try String(
            contentsOf: root.appending(path: "Sources/Registry/Registry.docc/Threats.md"), encoding: .utf8)
        var checked = 0
        for row in table.split(separator: "\n") where row.hasPrefix("|") {
            let cell = row.split(separator: "|").last ?? ""
            for name in cell.split(separator: "`").enumerated().filter({ $0.offset % 2 == 1 }).map(\.element)
            {
                checked += 1
                for part in name.split(whereSeparator: { $0 == "." || $0 == "/" }).suffix(1) {
                    #expect(known.contains(String(part)), "Threats.md names \(name), which is no test")
                }
            }
        }
        #expect(checked > 60)
    }
}
