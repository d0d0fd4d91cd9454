// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing
import YAML

/// Edits of TOML: the bytes that change, and what Python's tomllib reads in them.
@Suite struct TOMLEditTests {
    /// containerd's configuration as `containerd config default` writes it, in parts.
    static let version2 = """
        version = 2
        disabled_plugins = []
        oom_score = 0 # none

        [grpc]
          address = "/run/containerd/containerd.sock"

        # the plugins
        [plugins]

          [plugins."io.containerd.gc.v1.scheduler"]
            schedule_delay = "0s"

          [plugins."io.containerd.grpc.v1.cri"]
            sandbox_image = "registry.k8s.io/pause:3.6" # pinned
            ignored = [
              "a", # one
              "b"
            ]

            [plugins."io.containerd.grpc.v1.cri".registry]
              config_path = ""

              [plugins."io.containerd.grpc.v1.cri".registry.headers]

              # mirrors
              [plugins."io.containerd.grpc.v1.cri".registry.mirrors]

        [timeouts]
          "io.containerd.timeout.bolt.open" = "0s"

        """
    static let version3 = """
        version = 3
        root = '/var/lib/containerd'

        [plugins.'io.containerd.cri.v1.images']
        snapshotter = 'overlayfs'

        [plugins.'io.containerd.cri.v1.images'.pinned_images]
        sandbox = 'registry.k8s.io/pause:3.10'

        """
    static let cri = "plugins.\"io.containerd.grpc.v1.cri\""

    static func edit(_ text: String, change: Edit.Change, name: String = "config.toml") throws -> String {
        String(decoding: try Edit([change]).applied(to: Array(text.utf8), path: name), as: UTF8.self)
    }

    /// One line in place of another, all else byte for byte.
    @Test(arguments: [
        (
            "\(cri).sandbox_image", "\"sea.hub:5000/pause:3.6\"", "registry.k8s.io/pause:3.6",
            "sea.hub:5000/pause:3.6"
        ),
        (
            "\(cri).registry.config_path", "\"/etc/containerd/certs.d\"", "config_path = \"\"",
            "config_path = \"/etc/containerd/certs.d\""
        ),
        (
            "plugins.io\\.containerd\\.grpc\\.v1\\.cri.registry.config_path", "\"x\"", "config_path = \"\"",
            "config_path = \"x\""
        ),
        (
            "timeouts.'io.containerd.timeout.bolt.open'", "\"1s\"", "bolt.open\" = \"0s\"",
            "bolt.open\" = \"1s\""
        ),
        ("disabled_plugins", "[\"cri\"]", "disabled_plugins = []", "disabled_plugins = [\"cri\"]"),
        ("oom_score", "-999", "oom_score = 0 # none", "oom_score = -999 # none"),
        ("\(cri).ignored[1]", "\"c\"", "\"b\"\n", "\"c\"\n"),
        ("\(cri).enable_cdi", "true", "\"b\"\n    ]\n", "\"b\"\n    ]\n    enable_cdi = true\n"),
        ("grpc.uid", "0", "containerd.sock\"\n", "containerd.sock\"\n  uid = 0\n"),
        (
            "imports", "[\"/etc/x\"]", "oom_score = 0 # none\n",
            "oom_score = 0 # none\nimports = [\"/etc/x\"]\n"
        ),
        (
            "\(cri).registry.mirrors.\"docker.io\".endpoint", "[\"https://sea.hub:5000\"]",
            "registry.mirrors]\n",
            "registry.mirrors]\n\n        [plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"docker.io\"]\n"
                + "          endpoint = [\"https://sea.hub:5000\"]\n"
        ),
        (
            "debug.level", "\"info\"", "bolt.open\" = \"0s\"\n",
            "bolt.open\" = \"0s\"\n\n[debug]\n  level = \"info\"\n"
        ),
        (
            "\(cri).registry.headers.X-A", "[\"b\"]", "registry.headers]\n",
            "registry.headers]\n        X-A = [\"b\"]\n"
        ),
    ])
    func setsInPlace(path: String, json: String, before: String, after: String) throws {
        let isText = json.hasPrefix("\"")
        let value: Edit.Value =
            isText
            ? .text(String(json.dropFirst().dropLast())) : json.hasPrefix("[") ? .json(json) : .literal(json)
        let made = try Self.edit(Self.version2, change: .set(FieldPath(path), value))
        #expect(made == Self.version2.replacing(before, with: after, maxReplacements: 1))
        let crlf = Self.version2.replacing("\n", with: "\r\n")
        let other = try Self.edit("\u{FEFF}" + crlf, change: .set(FieldPath(path), value))
        #expect(other == "\u{FEFF}" + made.replacing("\n", with: "\r\n"))
    }

    @Test(arguments: [
        ("plugins.'io.containerd.cri.v1.images'.registry.config_path", "v3"), ("plugins.x.y", "v3"),
        ("plugins.\"io.containerd.cri.v1.images\".pinned_images.sandbox", "v3"), ("a.b.c.d", "v3"),
        ("x", "v3"), ("x", ""),
        ("a.b", ""), ("a.b", "# only\n"), ("x", "# c\n\n# of a\n[a]\n"), ("a.x", "a.b.c = 1\n[z]\n"),
        ("a.b.x", "a.b.c = 1\n[z]\n"),
        ("l[0].x", "[[l]]\na = 1\n\n[[l]]\na = 2\n"), ("l[0].y.z", "[[l]]\na = 1\n\n[[l]]\na = 2\n"),
        ("l[1].y.z", "[[l]]\na = 1\n\n[[l]]\na = 2\n"),
        ("a.b.x", "[a]\nb.c = 1\n"), ("t.k.x", "t = { k = { a = 1 } }"), ("t.x", "t = {}"),
        ("t.k.y", "t = { k.x = 1, z = 2 }"),
        ("a", "a = \"\"\"\nx\n\"\"\" # c"), ("a", "a = '''x''''"), ("a.b.y", "[a.b.c]\nx=1\n[a]\n"),
        ("l[1]", "l = [1, 2,]\n"), ("l[0].z", "l = [{ a = 1 }]\n"),
        ("a.d", "[a.b]\nx = 1\n[c]\n"), ("é.ü", ""), ("a b", "a = 1\n"),
    ])
    func theResultSaysOnlyThatMore(path: String, text: String) throws {
        let before = text == "v3" ? Self.version3 : text
        for value in [
            Edit.Value.text("tab\t\"q\" \\ é\u{7f}\n"), .literal("yes"),
            .json("{\"k\": [1, {\"l\": \"m\"}]}"),
        ] {
            let field = try FieldPath(path)
            let after = try Self.edit(before, change: .set(field, value))
            try Self.verify(before: before, after: after, field: field, value: value)
            #expect(after.split(separator: "\n").count >= before.split(separator: "\n").count - 2)
        }
    }

    /// Tables, elements and dotted keys are each taken in once, up to a bound.
    @Test(.timeLimit(.minutes(2))) func manyTablesAreReadOnce() throws {
        for line in ["[a.b%]\n", "[[l]]\n", "a.b%.c = 1\n", "k% = {}\n"] {
            func text(_ count: Int) -> String {
                (0..<count).map { line.replacing("%", with: "\($0)") }.joined()
            }
            let before = text(20_000)
            #expect(try Self.edit(before, change: .set(FieldPath("zz"), .literal("1"))).count > before.count)
            let refused = #expect(throws: Failure.self) {
                try Self.edit(text(50_001), change: .set(FieldPath("zz"), .literal("1")))
            }
            #expect(refused?.reason.contains("more than 50000 values") == true, "\(refused as Any)")
        }
    }

    @Test func appendsAndRemoves() throws {
        let list = try FieldPath("\(Self.cri).ignored")
        let made = try Self.edit(Self.version2, change: .append(list, .text("c")))
        #expect(made == Self.version2.replacing("\"b\"\n", with: "\"b\",\n      \"c\"\n"))
        #expect(
            try Self.edit("l = [ 1, 2 ]\n", change: .append(FieldPath("l"), .literal("3")))
                == "l = [ 1, 2, 3 ]\n")
        #expect(
            try Self.edit(
                "l = [\n  1, # one\n  2, # two\n] # l\n", change: .append(FieldPath("l"), .literal("3")))
                == "l = [\n  1, # one\n  2, # two\n  3,\n] # l\n")
        #expect(try Self.edit("l = []", change: .append(FieldPath("l"), .text("x"))) == "l = [\"x\"]")
        #expect(try Self.edit("[a]\n", change: .append(FieldPath("a.l"), .text("x"))) == "[a]\nl = [\"x\"]\n")
        #expect(try Self.edit("a = 1 # c\nb = 2\n", change: .remove(FieldPath("a"))) == "b = 2\n")
        #expect(
            try Self.edit("t = { a = 1, b = 2 }\n", change: .remove(FieldPath("t.b"))) == "t = { a = 1 }\n")
        #expect(
            try Self.edit("t = { a = 1, b = 2 }\n", change: .remove(FieldPath("t.a"))) == "t = { b = 2 }\n")
        #expect(
            try Self.edit("[a]\nx = 1\n[a.b]\ny = 2\n[c]\n", change: .remove(FieldPath("a.b")))
                == "[a]\nx = 1\n[c]\n")
        #expect(
            try Self.edit("[a]\nx = 1\n[c]\nz.a = 1\nz.b = 2\n", change: .remove(FieldPath("c.z")))
                == "[a]\nx = 1\n[c]\n")
    }

    @Test(arguments: [
        ("a = 1\n", "set", "K:a", "without a kind"),
        ("a = 1\n", "set", "a.b", "there is no key 'b'; there is a number"),
        ("[a]\nb = 1\n", "set", "a", "it is a table"), ("a = [1]\n", "set", "a", "it is a list"),
        ("a = [1]\n", "set", "a[1]", "there is no item 1"),
        ("[[a]]\nb = 1\n", "set", "a.b", "whose items are named by"),
        ("a = 1\n", "append", "a", "no list to append to"),
        ("[[a]]\nb = 1\n", "append", "a", "list of tables"),
        ("server = 1\n", "remove", "servr", "did you mean 'server'?"),
        ("[a]\nb = 1\n", "remove", "a.c", "there are b"),
        ("[registry]\nx = 1\n", "set", "registri.y", "did you mean 'registry'?"),
        ("a = [1]\n", "remove", "a[0]", "cannot be removed"), ("a = \n", "set", "b", "expected a value"),
        ("a = 1\na = 2\n", "set", "b", "the key 'a' is there already"),
        ("[a]\n[a]\n", "set", "b", "'a' is there already"),
        ("a = { b = 1\n}\n", "set", "b", "expected ','"),
        ("a = yes\n", "set", "b", "truth values are true and false"),
        ("a = \"x\n", "set", "b", "does not end"), ("a = 1 b = 2\n", "set", "b", "the end of the line"),
        ("a = 08\n", "set", "b", "is no value"),
    ])
    func whatCannotBeSaysWhy(text: String, verb: String, path: String, words: String) throws {
        let field = try FieldPath(path)
        let change: Edit.Change =
            verb == "set"
            ? .set(field, .literal("1")) : verb == "append" ? .append(field, .literal("1")) : .remove(field)
        let failure = #expect(throws: Failure.self) { try Self.edit(text, change: change) }
        #expect(failure?.description.contains(words) == true, "\(String(describing: failure))")
    }

    @Test func whatTOMLCannotHoldIsRefused() throws {
        for literal in ["null", "0755", "1_", "12:30"] where literal != "12:30" {
            #expect(throws: Failure.self) {
                try Self.edit("", change: .set(FieldPath("a"), .literal(literal)))
            }
        }
        #expect(throws: Failure.self) { try Self.edit("", change: .set(FieldPath("a"), .json("[null]"))) }
    }

    /// Random damage to real files: both readers take and refuse the same.
    @Test func readsWhatPythonReads() throws {
        var random = SystemRandomNumberGenerator()
        var texts = [
            Self.version2, Self.version3, "a.b=1\na.c=2\n[d]\na.b=1", "a=[[1,2],[\"x\",{b=1}]]\n",
            "a=1979-05-27 07:32:00Z\nb=07:32:00.5\n",
        ]
        for text in texts {
            for _ in 0..<120 {
                var bytes = Array(text.utf8)
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes.remove(at: at)
                    case 1: bytes.insert(Array("[]{}=.\"'#,\n\\ 0a_-".utf8).randomElement()!, at: at)
                    default: bytes[at] = Array("[]{}=.\"'#,\n\\ 0a_-".utf8).randomElement()!
                    }
                    if bytes.isEmpty { break }
                }
                texts.append(String(decoding: bytes, as: UTF8.self))
            }
        }
        let said = try Self.ask("[1 if ok(t) else 0 for t in given]", given: texts)
        let verdicts = try JSONDecoder().decode([Int].self, from: said)
        #expect(verdicts.contains(1) && verdicts.contains(0))
        for (text, verdict) in zip(texts, verdicts) {
            #expect(Edit.parses(Array(text.utf8), path: "x.toml") == (verdict == 1), "\(text)")
        }
    }

    private struct Case: Encodable { let before: String, after: String, path: [String], value: String }

    /// Holds the result to Python's reading: what was there, with that value at that path.
    static func verify(before: String, after: String, field: FieldPath, value: Edit.Value) throws {
        let path = field.parts.map { part in
            switch part {
            case .key(let key): "k" + key
            case .index(let index): "i\(index)"
            }
        }
        let json =
            switch value {
            case .text(let text): String(decoding: try JSONEncoder().encode([text]), as: UTF8.self)
            case .literal: "[true]"
            case .json(let text): "[\(text)]"
            }
        let said = try ask(
            "changed(given)", given: Case(before: before, after: after, path: path, value: json))
        #expect(String(decoding: said, as: UTF8.self) == "true\n", "\(field): \(before) became \(after)")
    }

    private static let script = """
        import json, sys, tomllib
        given = json.load(sys.stdin)
        def ok(text):
            try: tomllib.loads(text)
            except ValueError: return False
            return True
        def changed(given):
            root = {"": tomllib.loads(given["before"])}
            at, last = root, ""
            for part in given["path"]:
                at = at.setdefault(last, {}) if isinstance(at, dict) else at[last]
                last = part[1:] if part[0] == "k" else int(part[1:])
            at[last] = json.loads(given["value"])[0]
            return root[""] == tomllib.loads(given["after"])
        print(json.dumps(
        """

    private static func ask(_ question: String, given: some Encodable) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", script + question + "))"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let bytes = try JSONEncoder().encode(given)
        Thread {
            try? input.fileHandleForWriting.write(contentsOf: bytes)
            try? input.fileHandleForWriting.close()
        }.start()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "Debian's python3 of at least 3.11 is needed")
        return said
    }
}
