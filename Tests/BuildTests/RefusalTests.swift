// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Sealer
import Spec
import TestSupport
import Testing

@testable import Build

/// Mistakes of builds by kind, and inputs that look like mistakes and are none: a rehearsal refuses the one with its kind
/// and a remedy, accepts the other, and an apply does as it does.
@Suite(.enabled(if: geteuid() == 0)) struct RefusalTests {
    typealias Member = (name: String, kind: TarHeader.Kind, content: String)

    static func tar(_ members: [Member]) -> [UInt8] {
        members.flatMap { member -> [UInt8] in
            let isFile = member.kind == .file
            var header = TarHeader(name: Array(member.name.utf8), kind: member.kind, mode: 0o644)
            header.size = isFile ? Int64(member.content.utf8.count) : 0
            if !isFile { header.linkName = Array(member.content.utf8) }
            let content = isFile ? Array(member.content.utf8) : []
            return header.encoded() + content
                + [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
        } + TarBlock.end
    }

    static let files: [Member] = [
        ("etc/a.json", .file, #"{"k": 1, "list": [1], "m": {"n": "v"}}"#),
        ("etc/twice.json", .file, #"{"k": 1, "k": 2}"#),
        ("etc/two.yaml", .file, "spec: {a: 1}\n---\nspec: {a: 2}\n"), ("etc/broken.yaml", .file, "a: [\n"),
        ("d/f1", .file, "f"), ("link", .symlink, "etc"), ("out", .symlink, "/etc"),
    ]
    static let whole = Spec.Step.layer(role: "root", paths: nil)

    /// The verdict on a build of these steps and lines over a base of ``files`` and `more`.
    static func problems(
        _ steps: [Spec.Step], _ lines: String = "COPY . .", more: [Member] = [], tarball: [UInt8]? = nil
    ) throws -> (rehearsal: [Failure], apply: Failure?) {
        let build = Spec.Build(
            tag: try Reference("example.org/t/b0:1"), context: steps, kubefile: "FROM scratch\n\(lines)\n")
        let ball = tarball ?? tar([("top/one", .file, "1")])
        let trial = try RandomBuild(layers: [tar(files + more)], tarball: ball, builds: [build])
        let scratch = try Scratch()
        let rehearsal = try DifferentialTests.failures(of: trial, in: scratch.path)
        do throws(Failure) {
            _ = try DifferentialTests.apply(trial, in: scratch("store"))
            return (rehearsal, nil)
        } catch { return (rehearsal, error) }
    }

    static func put(_ path: String) -> Spec.Step { .putFile(path: path, file: "one") }
    static func set(_ key: String, in path: String) -> Spec.Step {
        .edit(path: path, remove: [], set: [.init(key: key, value: "w")])
    }

    static let steps: [(Spec.Step, Failure.Kind, String)] = [
        (set("k.x", in: "etc/a.json"), .configuration, "no key"),
        (set("list", in: "etc/a.json"), .configuration, "list"),
        (set("k", in: "etc/none.json"), .input, "no such file"),
        (.edit(path: "etc/a.json", remove: ["kk"], set: []), .configuration, "no key"),
        (set("spec.a", in: "etc/two.yaml"), .configuration, ""),
        (set("Pod:spec.a", in: "etc/two.yaml"), .configuration, "Pod"),
        (set("k", in: "etc/twice.json"), .configuration, "twice"),
        (set("a", in: "etc/broken.yaml"), .data, ""),
        (set("a", in: "link/a.json"), .data, "symbolic link"), (.rewrite(path: "etc/broken.yaml"), .data, ""),
        (.rewrite(path: "etc/none.yaml"), .input, "no such file"),
        (.layer(role: "root", paths: ["etc", "none/x"]), .input, "no such"),
        (.layer(role: "none", paths: nil), .configuration, "no such role"),
        (put("etc"), .configuration, "folder"),
        (put("d/f1/x"), .configuration, "file or a link"), (put("out/x"), .configuration, "file or a link"),
        (put("link/x"), .configuration, "file or a link"),
        (put("a/\(String(repeating: "n", count: 256))"), .configuration, "255"),
        (put("Kubefile"), .configuration, "Kubefile"), (put("../x"), .configuration, ".."),
        (put("/x"), .configuration, ""),
        (put("imageList/x"), .configuration, ""),
        (.imageList(patterns: ["none/*"]), .configuration, "no image"),
        (.putSaved(path: "x.tar", image: try! Reference("docker.io/a/b:2")), .input, "none for"),
        (put("manifests/x.yaml/y"), .input, "not at hand"),
    ]

    @Test func stepsThatFailAreRefused() throws {
        for (step, kind, word) in Self.steps {
            let context =
                [Self.whole] + (step == Self.put("imageList/x") ? [.imageList(patterns: ["*"])] : []) + [step]
            // What is copied last names an image that nothing carries.
            let more: [Member] =
                step == Self.put("manifests/x.yaml/y")
                ? [("manifests/p.yml", .file, "image: no/such:1\n")] : []
            let (rehearsal, apply) = try Self.problems(context, more: more)
            #expect(
                rehearsal.contains { $0.kind == kind && (word.isEmpty || "\($0)".contains(word)) },
                "\(step): \(rehearsal)")
            #expect(apply != nil, "\(step): apply takes it")
        }
    }

    static let lines: [(String, Failure.Kind, String)] = [
        ("ENV a=b", .configuration, "ENV"), ("LABEL a=b", .configuration, "LABEL"),
        ("WORKDIR /", .configuration, "WORKDIR"),
        ("ENTRYPOINT x", .configuration, "ENTRYPOINT"), ("ADD etc .", .configuration, "ADD"),
        ("RUN", .configuration, "RUN"),
        ("COPY", .configuration, "COPY"), ("COPY etc", .configuration, "no destination"),
        ("CMD", .configuration, "CMD"),
        ("COPY etc ../../x", .configuration, "leads out"), ("COPY etc /../x", .configuration, "leads out"),
        ("COPY --chmod=755 etc .", .configuration, "--chmod"), ("COPY git@x:y .", .configuration, "network"),
        ("COPY none .", .input, "no such file"), ("COPY etc/*.toml .", .input, "matches"),
        ("COPY link/a.json .", .data, "symbolic"),
        ("FROM scratch", .configuration, "second FROM"), ("COPY ${FOO} .", .input, ""),
    ]

    @Test func instructionsThatFailAreRefused() throws {
        for (line, kind, word) in Self.lines {
            let (rehearsal, apply) = try Self.problems([Self.whole], "COPY etc .\n\(line)")
            #expect(
                rehearsal.contains { $0.kind == kind && (word.isEmpty || "\($0)".contains(word)) },
                "\(line): \(rehearsal)")
            #expect(
                rehearsal.allSatisfy {
                    !$0.remedy.isEmpty || $0.kind != .configuration || line == "FROM scratch"
                }, "\(line)")
            #expect(apply != nil, "\(line): apply takes it")
        }
    }

    /// What sealer, and so an apply, takes in another sense than it was written in.
    @Test(arguments: [
        "RUN echo $unset", "RUN for i in *; do echo $i; done", "RUN echo ${X}", "RUN cp $1 x",
        "COPY etc $DIR", "CMD [\"a\", \"b\"]",
        "RUN echo 'open", "RUN echo ${X",
    ]) func whatSealerReadsOtherwiseIsRefused(line: String) throws {
        let (rehearsal, _) = try Self.problems([Self.whole], "COPY etc .\n\(line)")
        #expect(rehearsal.contains { $0.kind == .configuration && !$0.remedy.isEmpty }, "\(rehearsal)")
    }

    static let hostile: [[Member]] = [
        [("/etc/x", .file, "")], [("a/../../x", .file, "")], [("d/f1", .file, "again")],
        [("h", .hardLink, "none")],
        [("out/x", .file, "")], [("d/f1/x", .file, "")], [(".wh.x", .file, "not empty")],
        [(".wh.", .file, "")],
        [("a\nb", .file, "")], [("h", .hardLink, "link")], [("q", .file, ""), (".wh.q", .file, "")],
        [(String(repeating: "n", count: 256), .file, "")], [("s", .symlink, "")],
    ]

    @Test func aHostileBaseIsRefused() throws {
        for more in Self.hostile {
            let (rehearsal, apply) = try Self.problems([Self.whole], more: more)
            #expect(rehearsal.contains { $0.kind == .data }, "\(more): \(rehearsal)")
            #expect(apply != nil, "\(more): apply takes it")
        }
    }

    static let valid: [Member] = [
        ("etc/t.yaml", .file, "{{- range .X }}\na: {{ . }}\n{{- end }}\n"),
        ("etc/b.yml", .file, "\u{1}\u{2}\u{0}"),
        ("deploy/c/Chart.yaml", .file, "name: c\n"),
        ("deploy/c/templates/d.yaml", .file, "image: \"{{ .Values.i }}\"\n"),
        ("etc/tab.yaml", .file, "a:\n\tb: 1\n"), ("etc/k.yaml", .file, "a: 1\na: 2\n"),
        ("etc/e.yaml", .file, ""),
        ("etc/deep.yaml", .file, String(repeating: "[", count: 5000)), ("manifests/e.yaml", .file, ""),
        ("manifests/x.yaml.tmpl", .file, "{{ if }}\n"),
        ("manifests/imageList", .file, "\u{FEFF}a/b:1 # c\r\n\r\n# d\r\n"),
        ("charts/c/Chart.yaml", .file, "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("charts/c/values.yaml", .file, "image: docker.io/a/b:1\n"),
        ("charts/c/templates/d.yaml", .file, "image: {{ .Values.image }}\n"),
        ("x y\\z-é", .file, "x"), ("d/.wh.gone", .file, ""), ("e/.wh..wh..opq", .file, ""),
    ]

    @Test func validBasesAreAccepted() throws {
        for member in Self.valid {
            let chart = Self.valid.filter {
                member.name.hasPrefix("charts/") && $0.name.hasPrefix("charts/") && $0.name != member.name
            }
            let (rehearsal, apply) = try Self.problems([Self.whole], more: [member] + chart)
            #expect(rehearsal.isEmpty, "\(member.name): \(rehearsal)")
            #expect(apply == nil, "\(member.name): \(String(describing: apply))")
        }
        let (rehearsal, apply) = try Self.problems([Self.whole], more: Self.valid)
        #expect(rehearsal.isEmpty && apply == nil, "\(rehearsal) \(String(describing: apply))")
    }

    /// Sealer makes a layer of each instruction, and an image has at most 128.
    @Test func theLimitOfLayersCountsWhatIsMade() throws {
        let own = (0..<128).map { "COPY etc x\($0)" }.joined(separator: "\n")
        #expect(try Self.problems([Self.whole], own).rehearsal.isEmpty)
        for lines in [own + "\nCOPY d y", own + "\nCOPY imageList manifests"] {
            let (rehearsal, apply) = try Self.problems([Self.whole, .imageList(patterns: ["*"])], lines)
            #expect(rehearsal.contains { $0.reason.contains("128") }, "\(rehearsal)")
            #expect(apply?.reason.contains("128") == true)
        }
        // Equal layers count once.
        let repeated = String(repeating: "COPY etc x\n", count: 200)
        #expect(try Self.problems([Self.whole], repeated).rehearsal.isEmpty)
    }

    /// Two layers hold the file that a role is known by: the topmost is meant, as a mount shows its file.
    @Test func theTopmostLayerOfARoleIsMeant() throws {
        let layers = ["low", "high"].map { Self.tar([("etc/a.json", .file, "{\"from\": \"\($0)\"}")]) }
        let build = Spec.Build(
            tag: try Reference("example.org/t/b0:1"), context: [Self.whole],
            kubefile: "FROM scratch\nCOPY . .\n")
        let trial = try RandomBuild(layers: layers, tarball: layers[0], builds: [build])
        let scratch = try Scratch()
        #expect(try DifferentialTests.verdict(on: trial).fault == nil)
        let ids = try DifferentialTests.apply(trial, in: scratch("store"))
        let layer = try Digest(#require(ids.values.first?.last))
        let text = try String(
            contentsOfFile: Store(at: scratch("store")).layerFolder(layer) + "/etc/a.json", encoding: .utf8)
        #expect(text.contains("high"))
    }
}
