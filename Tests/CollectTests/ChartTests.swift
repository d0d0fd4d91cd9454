// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Spec
import Testing

@testable import Collect

/// What repositories and archives say of charts.
@Suite struct ChartTests {
    static let sum = String(repeating: "ab", count: 32)

    static func index(_ text: String, _ names: Set<String> = ["web"]) throws -> ChartIndex {
        try ChartIndex(parsing: Array(text.utf8), of: names, at: "https://c.example/index.yaml")
    }

    static func chart(_ version: String, _ name: String = "web") throws -> Spec.Chart {
        try Spec.Chart(
            name: name, reference: Reference("c.example/\(name):1"), repo: "https://c.example",
            version: version)
    }

    @Test(
        arguments: [
            "entries:\n  web:\n  - version: 1.0.0\n    urls: [a.tgz]\n    digest: \(sum)\n",
            "apiVersion: v1\nentries:\n  aaa: []\n  web:\n    - urls:\n        - a.tgz\n      version: '1.0.0'\n      digest: sha256:\(sum)\n",
            #"{"generated": {"entries": 1}, "entries": {"z": [{"version": "9"}], "web": [{"version": "1.0.0", "urls": ["a.tgz"], "digest": "\#(sum)"}]}}"#,
            "\u{FEFF}entries:\n  web:\n  - &one {version: 1.0.0, urls: [a.tgz], digest: \(sum)}\n  - *one\nentries:\n  web: []\n",
            "x: |\n  entries:\n    web: 1\nentries:\n  ? [a]\n  : b\n  web:\n  - description: é\n    version: 1.0.0\n    urls: [a.tgz]\n    digest: \(sum)\n  web: []\n",
        ]) func indexesOfAllForms(_ text: String) throws
    {
        let found = try Self.index(text).release(of: Self.chart("1.0.0"))
        #expect(found.urls == ["a.tgz"])
        #expect(found.digest == (try Digest("sha256:\(Self.sum)")))
    }

    @Test(arguments: [
        ("<!DOCTYPE html>", "page for a browser"), ("  \n<html>", "page for a browser"),
        ("404 not found", "'entries'"), ("entries: []\n", "'entries'"), ("", "'entries'"),
        ("a: {}\n", "'entries'"), ("entries: {web: [\n", "index.yaml:"),
    ]) func whatIsNoIndex(_ text: String, _ words: String) throws {
        let failure = #expect(throws: Failure.self) { try Self.index(text) }
        #expect(failure?.description.contains(words) == true, "\(String(describing: failure))")
        #expect(failure?.kind == .data)
    }

    @Test func versionsAreExact() throws {
        let index = try Self.index(
            "entries:\n  web:\n"
                + ["v1.9.0", "1.10.0", "1.10.0+b", "2.0.0", "1.1.0", "0.1.0"].map {
                    "  - version: \($0)\n    urls: [a]\n"
                }.joined())
        #expect(try index.release(of: Self.chart("1.10.0")).version == "1.10.0")
        for wanted in ["1.9.0", "v1.10.0", "1.10"] {
            let failure = #expect(throws: Failure.self) { try index.release(of: Self.chart(wanted)) }
            #expect(failure?.reason.contains("near it are") == true)
            #expect(failure?.kind == .unavailable)
        }
        #expect(
            ChartIndex.nearest(to: "1.10.1", among: ["0.1", "v1.10.0", "1.9"]) == ["v1.10.0", "1.9", "0.1"])
    }

    @Test func anIndexLargerThanADocumentIsRead() throws {
        // Public ones have hundreds of thousands of values.
        let others = (0..<60_000).map { "  c\($0):\n  - {name: c, version: 1.0.0, urls: [a, b], x: 1}\n" }
            .joined()
        let index = try Self.index("entries:\n\(others)  web:\n  - {version: 3.0.0, urls: [w.tgz]}\n")
        #expect(try index.release(of: Self.chart("3.0.0")).urls == ["w.tgz"])
        #expect(throws: Failure.self) { try index.release(of: Self.chart("1.0.0", "c1")) }
    }

    static func config(_ text: String, _ requirements: String? = nil) throws -> String {
        let metadata = try ChartMetadata(
            parsing: Array(text.utf8), requirements: requirements.map { Array($0.utf8) }, artifact: "a.tgz")
        return String(decoding: metadata.config, as: UTF8.self)
    }

    @Test func configsAreInGosSpelling() throws {
        #expect(
            try Self.config("name: a\nversion: 1.10\nappVersion: 010\ndescription: \"x\\n<\\u200b>\"\n")
                == #"{"name":"a","version":"1.1","description":"x \u003c\u003e","apiVersion":"v1","appVersion":"8"}"#
        )
        #expect(
            try Self.config(
                "apiVersion: v1\nname: a\nversion: '1.10'\n", "dependencies: [{name: d, enabled: yes}]\n")
                == #"{"name":"a","version":"1.10","apiVersion":"v1","dependencies":[{"name":"d","repository":"","enabled":true}]}"#
        )
        // Only the first form of charts has the second file.
        #expect(
            try Self.config("apiVersion: v2\nname: a\nversion: 1.0.0\n", "dependencies: [{name: d}]\n")
                == #"{"name":"a","version":"1.0.0","apiVersion":"v2"}"#)
    }

    @Test(arguments: [
        "", "[]", "name: a", "version: 1.0.0", "name: ~\nversion: 1", "name: {a: b}\nversion: 1",
    ])
    func whatIsNoChart(_ text: String) {
        #expect(throws: Failure.self) { try Self.config(text) }
    }
}
