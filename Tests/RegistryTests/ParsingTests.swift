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
        let base = try HTTPURL("https://A.io/x/y?z#f")
        #expect(base.text == "https://a.io/x/y?z")
        #expect("\(base)" == "https://a.io/x/y")
        #expect(base.authority == "a.io")
        #expect(try HTTPURL("../w", relativeTo: base).text == "https://a.io/w")
        #expect(try HTTPURL("//b.io:8443/q", relativeTo: base).authority == "b.io:8443")
        #expect(try HTTPURL("https://a.io:443/", relativeTo: base).isSameOrigin(as: base))
        #expect(try !HTTPURL("http://a.io/").isSameOrigin(as: base))
        #expect(try !HTTPURL("https://a.io:444/").isSameOrigin(as: base))
        for bad in [
            "", "a.io", "ftp://a.io/", "https://", "https://u:p@a.io/", "https://a b/", "https://a.io:0/",
        ] {
            #expect(throws: Failure.self, "\(bad)") { try HTTPURL(bad) }
        }
    }

    @Test(arguments: [
        ("[::1]:5000", "http://[::1]:5000/", true), ("[::1]:5001", "http://[::1]:5000/", false),
        ("[::1]", "http://[::1]:5000/", true), ("[2001:DB8::1]", "https://[2001:db8::1]/", true),
        ("a.io:443", "https://a.io/", true), (".a.io:443", "https://b.a.io/", true),
        ("*.a.io:5000, x", "https://b.a.io:5000/", true), ("a.io:443", "http://a.io/", false),
        ("a.io", "https://a.io/", false), ("10.0.0.0/8,[::2]", "http://[::1]/", false),
        ("::1:5000", "http://[::1]:5000/", false),
    ]) func proxyExceptions(_ list: String, _ url: String, _ isNamed: Bool) throws {
        let proxies = ProxySettings(environment: [
            "no_proxy": list, "http_proxy": "http://[::1]:3128", "https_proxy": "u:p@x",
        ])
        // A name without a port is left to libcurl.
        #expect(try proxies.exceptions(for: HTTPURL(url)) == (isNamed ? "*" : list))
        #expect(proxies.port(.http) == 3128 && proxies.port(.https) == 1080)
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
        for total in ["-9223372036854775808", "9223372036854775807", "+3", "0x3"] {
            #expect(range("bytes 1-2/\(total)") == [1, 2, nil])
            #expect(range("bytes */\(total)") == [nil, nil, nil])
        }
        #expect(range("bytes 0-9223372036854775807/3") == nil)
        for bad in ["", "bytes", "items 1-2/3", "bytes 1-2", "bytes x-2/3", "bytes 1-/3", "bytes -2/3"] {
            #expect(range(bad) == nil, "\(bad)")
        }
    }

    @Test(
        arguments: [
            (
                #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#, "MANIFEST_UNKNOWN",
                nil
            ),
            (
                #"{"errors":[{"code":"A","message":"one"},{"message":"two"},{"code":7,"message":"one"}]}"#,
                "A", "one; two"
            ),
            (#"{"errors":[{"code":"a b","message":"x\n\ty"}]}"#, nil, "x y"),
            (#"{"errors":[{"message":"the password hunter2 is wrong"}]}"#, nil, nil),
            (#"{"details":"incorrect username"}"#, nil, "incorrect username"),
            (#"{"error":"invalid_grant","error_description":"expired"}"#, nil, "expired"),
            (#"{"errors":"no","message":["x"]}"#, nil, nil), (#"{"errors":[]}"#, nil, nil),
            ("<html>", nil, nil),
            ("[]", nil, nil), ("", nil, nil),
        ] as [(String, String?, String?)]) func bodies(_ body: String, _ code: String?, _ message: String?)
    {
        let errors = RegistryErrors(Array(body.utf8), hiding: ["hunter2", ""])
        #expect(errors.code == code && errors.message == message, "\(errors)")
    }

    @Test func longWordsAreCut() {
        let body = #"{"message":"\#(String(repeating: "é", count: 5000))"}"#
        #expect(RegistryErrors(Array(body.utf8), hiding: []).message?.count == 301)
    }
}
