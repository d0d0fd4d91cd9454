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

    private func packages(_ bytes: [UInt8]) throws -> [InstalledPackage] {
        let file = try File.unnamed(in: NSTemporaryDirectory())
        try bytes.withUnsafeBufferPointer { try file.write(UnsafeRawBufferPointer($0), at: 0) }
        return try RPMDatabase.packages(of: DatabaseFile(file, size: Int64(bytes.count), path: "Packages"))
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
        let found = try DpkgStatus.packages(of: &stream, path: "status")
        #expect(found.map(\.name) == ["a", "b"])
        #expect(found.map(\.version) == ["1", "\\u202e2"])
        var long = MemoryStream(
            Array("P:x\nV:1\nL:".utf8) + [UInt8](repeating: 65, count: 1 << 20) + Array("\nA:y".utf8))
        let apk = try ApkInstalled.packages(of: &long, path: "installed")
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
