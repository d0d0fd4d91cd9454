// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@testable import Registry

/// The small languages that servers speak.
@Suite struct ParsingTests {
    @Test func challenges() {
        let bearer = Challenge(
            scheme: "bearer",
            parameters: [
                "realm": "https://a.io/t?x=1,2", "service": "a \"b\"", "scope": "repository:a/b:pull,push",
            ])
        let basic = Challenge(scheme: "basic", parameters: ["realm": "x"])
        let text =
            #"Bearer realm="https://a.io/t?x=1,2",service="a \"b\"" , SCOPE = "repository:a/b:pull,push""#
        #expect(Challenge.parse([text]) == [bearer])
        #expect(Challenge.parse([text + ", Basic realm=x"]) == [bearer, basic])
        #expect(Challenge.parse(["Basic realm=x", text]) == [basic, bearer])
        #expect(Challenge.parse(["Negotiate abc==, Basic realm=\"x\""]).last == basic)
        for odd in ["", ",", "=", "\"", "Bearer realm=\"", "Bearer realm", "\\", "Bearer =\"x\"", "a=b"] {
            #expect(
                Challenge.parse([odd]).allSatisfy { $0.parameters.values.allSatisfy(\.isEmpty) }, "\(odd)")
        }
    }

    @Test(arguments: [
        ("0", 0), ("120", 120), ("Mon, 23 Nov 2026 20:00:00 GMT", 100), ("Mon, 23 Nov 2026 19:00:00 GMT", 0),
    ])
    func retryAfter(_ text: String, _ seconds: Int64) throws {
        let now: Int64 = 1_795_464_000 - 100
        #expect(try #require(RetryAfter(text, now: now)).wait == .seconds(seconds))
    }

    @Test(arguments: ["", "-1", "soon", "1.5", "Mon, 99 Nov 2026 20:00:00 GMT", "99999999999999999999"])
    func noRetryAfter(_ text: String) {
        #expect(RetryAfter(text, now: 0) == nil)
    }

    @Test func addresses() throws {
        let base = try WebAddress("https://A.io/x/y?z#f")
        #expect(base.text == "https://a.io/x/y?z")
        #expect("\(base)" == "https://a.io/x/y")
        #expect(base.authority == "a.io")
        #expect(try WebAddress("../w", relativeTo: base).text == "https://a.io/w")
        #expect(try WebAddress("//b.io:8443/q", relativeTo: base).authority == "b.io:8443")
        #expect(try WebAddress("https://a.io:443/", relativeTo: base).isSameOrigin(as: base))
        #expect(try !WebAddress("http://a.io/").isSameOrigin(as: base))
        #expect(try !WebAddress("https://a.io:444/").isSameOrigin(as: base))
        for bad in [
            "", "a.io", "ftp://a.io/", "https://", "https://u:p@a.io/", "https://a b/", "https://a.io:0/",
        ] {
            #expect(throws: Failure.self, "\(bad)") { try WebAddress(bad) }
        }
    }

    @Test func heads() {
        func range(_ value: String) -> [Int64?]? {
            ResponseHead(status: 206, fields: [("content-range", value)]).range.map {
                [$0.first, $0.last, $0.total]
            }
        }
        #expect(range("bytes 1-2/3") == [1, 2, 3])
        #expect(range("bytes 1-2/*") == [1, 2, nil])
        #expect(range("bytes */3") == [nil, nil, 3])
        for bad in ["", "bytes", "items 1-2/3", "bytes 1-2", "bytes x-2/3", "bytes 1-/3", "bytes -2/3"] {
            #expect(range(bad) == nil, "\(bad)")
        }
    }

    static let one = String(repeating: "1a", count: 32)
    static let two = String(repeating: "2b", count: 32)

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

    @Test("GNU coreutils' own lists are read", arguments: [[], ["--tag"], ["--binary"]])
    func coreutils(_ options: [String]) throws {
        let scratch = try Scratch()
        let path = try scratch.write("odd \\ name", "content")
        let text = try Server.run("/usr/bin/sha256sum", options + [path])
        let list = try ChecksumList(parsing: Array(text.utf8), artifact: "list")
        #expect(try list.digest(of: "odd \\ name", artifact: "list") == Digest(of: Array("content".utf8)))
    }
}
