// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import SBOM

/// Databases come from images of anybody's making: whatever they hold, reading them ends, with packages or with a failure.
@Suite struct DatabaseTests {
    /// rpm's databases, written by python's sqlite3, by hand, and by perl's DB_File.
    private static let databases: [(name: String, bytes: [UInt8])] = {
        let scratch = try! Scratch()
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "acceptance/audit/rpm_databases.py")
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", script.path(), scratch.path]
        try! python.start()
        python.waitUntilExit()
        return ["rpmdb.sqlite", "Packages.db", "Packages"].map { name in
            (name, try! scratch.bytes(name))
        }
    }()

    private func list() -> PackageList { PackageList("", within: LayerBound()) }

    private func packages(_ bytes: [UInt8]) throws -> [InstalledPackage] {
        let file = try File.unnamed(in: NSTemporaryDirectory())
        try bytes.withUnsafeBufferPointer { try file.write(UnsafeRawBufferPointer($0), at: 0) }
        return try RPMDatabase.packages(
            of: DatabaseFile(file, size: Int64(bytes.count), path: "Packages"), into: list())
    }

    @Test func eachFormIsRead() throws {
        for (name, bytes) in Self.databases {
            #expect(try Set(packages(bytes).map(\.name)) == Set((0..<20).map { "rpm-\($0)" }), "\(name)")
        }
    }

    @Test func noDamageTraps() throws {
        var random = SystemRandomNumberGenerator()
        for (_, bytes) in Self.databases {
            for round in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    // Half of the damage is where pages and tables begin, which is where numbers are.
                    let page = Int.random(in: 0..<damaged.count / 4096, using: &random) * 4096
                    let place =
                        round % 2 == 0
                        ? page + Int.random(in: 0..<64, using: &random) : .random(in: 0..<damaged.count)
                    damaged[place] = [0, 0xFF, 0x7F, .random(in: 0...255, using: &random)].randomElement(
                        using: &random)!
                }
                if round % 5 == 0 { damaged.removeLast(.random(in: 0..<damaged.count, using: &random)) }
                do { _ = try packages(damaged) } catch let failure as Failure {
                    #expect(failure.kind == .data, "\(failure)")
                }
            }
        }
    }

    /// Databases of some kilobytes that name the same bytes again and again: gigabytes would be read of them.
    @Test func whatIsNamedManyTimesEnds() throws {
        func number(_ value: Int, _ count: Int = 4) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func put(_ bytes: [UInt8], at place: Int, in file: inout [UInt8]) {
            file.replaceSubrange(place..<(place + bytes.count), with: bytes)
        }
        // Berkeley DB: 900 values, each of 16 MiB, in a chain that is a circle of pages with one byte each.
        var hash = [UInt8](repeating: 0, count: 3 * 4096)
        put(number(0x61561), at: 12, in: &hash)
        put(number(4096), at: 20, in: &hash)
        hash[25] = 8
        put(number(2), at: 32, in: &hash)
        put(number(1800, 2), at: 4096 + 20, in: &hash)
        hash[4096 + 25] = 2
        for index in 0..<1800 {
            put(number(index % 2 == 0 ? 4096 : 4000, 2), at: 4096 + 26 + 2 * index, in: &hash)
        }
        put([3, 0, 0, 0] + number(2) + number(16 << 20), at: 4096 + 4000, in: &hash)
        put(number(2), at: 8192 + 16, in: &hash)
        put(number(1, 2), at: 8192 + 22, in: &hash)
        hash[8192 + 25] = 7
        // rpm's own form: every slot names one blob.
        var slots = [UInt8](repeating: 0, count: 64 * 4096)
        put(Array("RpmP".utf8) + number(0) + number(1) + number(32), at: 0, in: &slots)
        for slot in stride(from: 32, to: 32 * 4096, by: 16) {
            put(Array("Slot".utf8) + number(7) + number(32 * 4096 / 16) + number(1), at: slot, in: &slots)
        }
        put(Array("BlbS".utf8) + number(7) + number(1) + number(31 * 4096), at: 32 * 4096, in: &slots)
        put([0, 0, 0, 1], at: 32 * 4096 + 16, in: &slots)
        // SQLite: 600 cells of a page are the same row, which has pages of its own.
        var table = Self.databases[0].bytes
        var row: (page: Int, cell: Int)?
        for page in stride(from: 4096, to: table.count, by: 4096) where table[page] == 0x0D {
            for index in 0..<Int(table[page + 4]) {
                let cell = Int(table[page + 8 + 2 * index]) << 8 | Int(table[page + 9 + 2 * index])
                // A row of over 8 KiB.
                if table[page + cell] > 0xC0, cell > 1300 { row = (page, cell) }
            }
        }
        let (page, cell) = try #require(row)
        put(number(600, 2).reversed(), at: page + 3, in: &table)
        for index in 0..<600 {
            put([UInt8(cell >> 8), UInt8(cell & 255)], at: page + 8 + 2 * index, in: &table)
        }
        for (name, bytes) in [("hash", hash), ("ndb", slots), ("table", table)] {
            let refused = #expect(throws: Failure.self, "\(name)") { try packages(bytes) }
            #expect(
                refused?.kind == .data && refused?.reason == "it names the same bytes many times",
                "\(name): \(refused as Any)")
        }
    }

    /// Text is kept until the document is written: what a layer may have of it is bounded over all of its databases.
    @Test func textOfALayerIsBounded() throws {
        let bound = LayerBound()
        let text = String(repeating: "x", count: 60_000)
        var count = 0
        let refused = #expect(throws: Failure.self) {
            while count < 10_000 {
                count += 1
                var stream = MemoryStream(Array("Package: \(text)\nVersion: \(text)\n".utf8))
                _ = try DpkgStatus.packages(
                    of: &stream, into: PackageList("status.d/\(count)", within: bound))
            }
        }
        #expect(refused?.kind == .data && count == DatabaseBound.text / 120_000 + 1, "\(count)")
        let many = LayerBound()
        let lines = String(repeating: "P:a\nV:1\n\n", count: DatabaseBound.packages + 1)
        var stream = MemoryStream(Array(lines.utf8))
        #expect(throws: Failure.self) {
            _ = try ApkInstalled.packages(of: &stream, into: PackageList("installed", within: many))
        }
    }

    @Test func headersStayInTheirBounds() throws {
        func header(_ entries: [(UInt32, UInt32, UInt32)], store: [UInt8]) -> [UInt8] {
            func number(_ value: UInt32) -> [UInt8] {
                (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
            }
            return number(UInt32(entries.count)) + number(UInt32(store.count))
                + entries.flatMap { number($0.0) + number($0.1) + number($0.2) + number(1) } + store
        }
        let name = Array("a\0".utf8)
        #expect(try RPMHeader(header([(1000, 6, 0)], store: name), path: "").package == nil)
        #expect(try RPMHeader(header([(1000, 6, 0), (1001, 6, .max)], store: name), path: "").package == nil)
        #expect(
            try RPMHeader(header([(1000, 6, 0), (1001, 6, 0)], store: name), path: "").package?.version == "a"
        )
        #expect(try RPMHeader(header([(1000, 4, 0), (1001, 6, 0)], store: name), path: "").package == nil)
        #expect(throws: Failure.self) { try RPMHeader([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], path: "") }
        #expect(throws: Failure.self) { try RPMHeader([], path: "") }
    }

    @Test func textsEndAnywhere() throws {
        let text =
            "Package: a\r\nVersion: 1\r\nStatus: install ok installed\n\n\n\nPackage: b\nVersion: \u{202E}2\n \nPackage: c"
        var stream = MemoryStream(Array(text.utf8))
        let found = try DpkgStatus.packages(of: &stream, into: list())
        #expect(found.map(\.name) == ["a", "b"])
        #expect(found.map(\.version) == ["1", "\\u202e2"])
        var long = MemoryStream(
            Array("P:x\nV:1\nL:".utf8) + [UInt8](repeating: 65, count: 1 << 20) + Array("\nA:y".utf8))
        let apk = try ApkInstalled.packages(of: &long, into: list())
        #expect(apk.map(\.architecture) == ["y"])
        #expect(apk[0].license.utf8.count == DatabaseBound.line - 2)
    }

    @Test func timesAreThoseOfRFC3339() throws {
        for (text, wanted) in [
            ("2024-05-06T07:08:09.123456789Z", "2024-05-06T07:08:09Z"),
            ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"),
            ("2024-05-06T07:08:09.5+02:00", "2024-05-06T05:08:09Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            #expect(CreationTime.date(text)?.formatted(.iso8601) == wanted, "\(text)")
        }
        for text in ["", "now", "2024-05-06", "99999-01-01T00:00:00Z", "2024-05-06T07:08:09"] {
            #expect(CreationTime.date(text) == nil, "\(text)")
        }
    }

    @Test func pathsAreThoseBelowTheRoot() {
        for (name, wanted) in [
            ("./var/lib/dpkg/status", "var/lib/dpkg/status"),
            ("/var//lib/./dpkg/status", "var/lib/dpkg/status"),
            ("var/lib/../lib/dpkg/status", nil), ("home/var/lib/dpkg/status", nil),
            ("../var/lib/dpkg/status", nil),
            (".wh.var", ".wh.var"), ("usr/lib/apk/db/installed", "usr/lib/apk/db/installed"),
            ("variable", nil),
        ] as [(String, String?)] {
            #expect(KnownPaths.path(of: Array(name.utf8)) == wanted, "\(name)")
        }
    }
}
