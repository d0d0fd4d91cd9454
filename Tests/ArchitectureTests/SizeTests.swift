import Foundation
import Testing

/// Sizes come from outside: they are added by `ByteTotal` or `clampedTotal`, which cannot trap.
@Suite struct SizeTests {
    @Test func noSumOfSizesCanTrap() throws {
        let sums = try Regex(
            #"reduce\((0|Int64\(0\)|into: 0)(\)| *,)[^\n]*(\.size|\.bytes|\.count\b.*Int64)"#)
        for case let file as URL in try #require(
            FileManager.default.enumerator(at: ImportTests.sources, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            let found = text.firstMatch(of: sums)
            #expect(found == nil, "\(file.lastPathComponent): \(found.map { text[$0.range] } ?? "")")
        }
        #expect("pending.reduce(0) { $0 + $1.size }".firstMatch(of: sums) != nil)
    }

    /// Foundation's decoder takes memory for each value, so what comes from outside is counted first: `JSONText.decode`.
    @Test func jsonIsDecodedInOnePlace() throws {
        var places: [String] = []
        for case let file as URL in try #require(
            FileManager.default.enumerator(at: ImportTests.sources, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" {
            if try String(contentsOf: file, encoding: .utf8).contains("JSONDecoder(") {
                places.append(file.lastPathComponent)
            }
        }
        // The other one reads what the program itself has written.
        #expect(places.sorted() == ["CommandHelp.swift", "JSONText+Decoding.swift"])
    }
}
