// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Collect

/// Lists of checksums as servers publish them beside their files.
@Suite struct ChecksumListTests {
    static let one = String(repeating: "1a", count: 32)
    static let two = String(repeating: "2b", count: 32)

    /// Lists of the other algorithm, whose lines a list of both may have too.
    @Test func itReadsSHA512() throws {
        let (long, short) = (String(repeating: "ab", count: 64), String(repeating: "cd", count: 32))
        let forms = [
            "\(long)  a.tgz\n", "\(long) *a.tgz\n", "SHA512 (a.tgz) = \(long)\n",
            "SHA2-512(a.tgz)= \(long)\n", "\(long)\n",
            "SHA256 (a.tgz) = \(short)\nSHA512 (a.tgz) = \(long.uppercased())\n", "\(long)\ta.tgz\r\n",
        ]
        for form in forms {
            let list = try ChecksumList(parsing: Array(form.utf8), by: .sha512, artifact: "SHA512SUMS")
            #expect(try list.digest(of: "a.tgz", artifact: "l").description == "sha512:\(long)", "\(form)")
        }
        for form in ["\(short)  a.tgz\n", "\(long)a.tgz\n", "SHA256 (a.tgz) = \(short)\n", ""] {
            #expect(throws: Failure.self) {
                try ChecksumList(parsing: Array(form.utf8), by: .sha512, artifact: "SHA512SUMS")
            }
        }
        #expect(throws: Failure.self) { try ChecksumList(parsing: Array("\(long)  a\n".utf8), artifact: "l") }
    }

    @Test(
        arguments: [
            "\(one)  a.tgz\n\(two)  b.tgz\n", "\(one) *a.tgz\r\n\(two) *b.tgz\r\n",
            "\(one) a.tgz\n\(two)\tb.tgz",
            "SHA256 (a.tgz) = \(one)\nSHA256 (b.tgz) = \(two)\n",
            "# list\n\n\(one)  ./a.tgz\n\(two)  ./b.tgz\n",
            "MD5 (a.tgz) = 00\nSHA256 (a.tgz) = \(one)\nSHA256 (b.tgz) = \(two)\n",
            "\(one.uppercased())  dir/a.tgz\n\(two)  dir/b.tgz\n",
        ])
    func checksums(_ text: String) throws {
        let list = try ChecksumList(parsing: Array(text.utf8), artifact: "list")
        #expect(try list.digest(of: "a.tgz", artifact: "list").hex == Self.one)
        #expect(try list.digest(of: "b.tgz", artifact: "list").hex == Self.two)
        #expect(throws: Failure.self) { try list.digest(of: "c.tgz", artifact: "list") }
        #expect(throws: Failure.self) { try list.digest(of: "tgz", artifact: "list") }
    }

    @Test func oddChecksums() throws {
        let bare = try ChecksumList(parsing: Array("\(Self.one)\n".utf8), artifact: "list")
        #expect(try bare.digest(of: "anything", artifact: "list").hex == Self.one)
        let escaped = try ChecksumList(parsing: Array("\\\(Self.one)  a\\nb\\\\c\n".utf8), artifact: "list")
        #expect(escaped.entries.keys.first == "a\nb\\c")
        let bad = [
            "", "\n", "<html>", "\(Self.one)x  a", "\(Self.one.dropLast())  a", "\(Self.one)\n\(Self.two)",
            "\(Self.one)  a\n\(Self.two)  a", "\(Self.one)  a\n\(Self.two)", "\\\(Self.one)  a\\x",
            "SHA256 (a) = \(Self.one.dropLast())",
        ]
        for text in bad {
            #expect(throws: Failure.self, "\(text)") {
                try ChecksumList(parsing: Array(text.utf8), artifact: "list")
            }
        }
        let twice = try ChecksumList(
            parsing: Array("\(Self.one)  x/a\n\(Self.two)  y/a".utf8), artifact: "list")
        #expect(throws: Failure.self) { try twice.digest(of: "a", artifact: "list") }
    }

    @Test(arguments: [[], ["--tag"], ["--binary"]])
    func theListsOfCoreutilsAreRead(_ options: [String]) throws {
        let scratch = try Scratch()
        let path = try scratch.write("odd \\ name", "content")
        let sum = Process()
        sum.executableURL = URL(filePath: "/usr/bin/sha256sum")
        sum.arguments = options + [path]
        let pipe = Pipe()
        sum.standardOutput = pipe
        try sum.start()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        sum.waitUntilExit()
        let list = try ChecksumList(parsing: Array(text.utf8), artifact: "list")
        #expect(try list.digest(of: "odd \\ name", artifact: "list") == Digest(of: Array("content".utf8)))
    }
}
