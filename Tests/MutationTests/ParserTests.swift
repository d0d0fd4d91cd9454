// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import BundleFormat
@testable import Registry
@testable import Sealer
@testable import Serve
@testable import Spec
@testable import YAML

/// Every parser of input from outside, fed with mutated input: it may refuse, it must not end the program.
@Suite struct ParserTests {
    static let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static let manifest = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"\(digest)","size":0},"layers":[{"mediaType":"c/d","digest":"\(digest)","size":9007199254740991,"annotations":{"x":"y"}}]}
        """
    static let index = """
        {"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"\(digest)","size":1,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}
        """

    @Test func manifestsAndJSON() {
        mutate("manifest", [Self.manifest, Self.index], words: ["\"layers\":[", "\"manifests\":["]) { bytes in
            _ = JSONText.fault(in: bytes)
            _ = try? Manifest(parsing: bytes, type: nil, artifact: "x").children
            _ = try? Sealer.Tree(json: bytes, artifact: "x")
            _ = try? YAMLDocument(json: SourceText(bytes, path: "x.json"))
            _ = try? Inventory.decode(bytes, path: "x")
            _ = try? Lock.decode(bytes, path: "x")
            _ = try? SealerImage(config: bytes, artifact: "x")
        }
    }

    @Test func names() {
        mutate(
            "names", ["docker.io/library/a:v1@\(Self.digest)", "h:5000/a/b", "linux/arm64/v8", Self.digest]
        ) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? Reference(text)
            _ = try? Reference(text, defaults: .sealer)
            _ = try? Platform(text)
            _ = try? Digest(text)
            _ = text.escapedForDisplay
            _ = String(displaying: bytes)
            _ = Folder.fault(in: bytes)
            _ = ImagePattern(text)
        }
    }

    @Test func tars() throws {
        var tar: [UInt8] = []
        for (name, kind) in [
            ("a/", TarHeader.Kind.directory), ("a/f", .file), ("l", .symlink), ("h", .hardLink),
        ] {
            var header = TarHeader(
                name: Array(name.utf8), kind: kind, mode: 0o644, size: kind == .file ? 5 : 0)
            if kind == .symlink || kind == .hardLink { header.linkName = Array("a/f".utf8) }
            tar += header.encoded()
            if kind == .file { tar += Array("hello".utf8) + [UInt8](repeating: 0, count: 507) }
        }
        let long = TarHeader(name: Array(String(repeating: "n", count: 180).utf8), mode: 0o600, size: 1 << 34)
            .encoded()
        let samples = [tar + TarBlock.end, long + tar + TarBlock.end]
        mutate("tar", samples, words: ["ustar\u{0}00", "30 path=a\n", "77777777777"]) { bytes in
            var reader = TarReader(MemoryStream(bytes), artifact: "x")
            while let entry = try? reader.next() { _ = entry.header.shownName }
            var again = TarReader(MemoryStream(bytes), artifact: "x")
            _ = try? TarTreeBuilder.tree(of: &again, artifact: "x") { _, _, _ in .bytes([]) }
        }
    }

    @Test func compressedStreams() throws {
        let plain = Data((0..<2000).map { UInt8(truncatingIfNeeded: $0 * $0) })
        var samples: [[UInt8]] = []
        for tool in ["gzip", "zstd", "xz", "bzip2"] {
            let process = Process()
            let (input, output) = (Pipe(), Pipe())
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [tool, "-c"]
            (process.standardInput, process.standardOutput) = (input, output)
            try process.start()
            try input.fileHandleForWriting.write(contentsOf: plain)
            try input.fileHandleForWriting.close()
            samples.append([UInt8](try output.fileHandleForReading.readToEnd() ?? Data()))
            process.waitUntilExit()
        }
        mutate("compression", samples, rounds: 800) { bytes in
            guard var stream = try? decompressed(MemoryStream(bytes), limit: 1 << 20, artifact: "x") else {
                return
            }
            try? stream.forEachChunk { _ in }
        }
    }

    @Test func yaml() {
        let samples = [
            "a: &x [1, {b: c}]\nd: *x\n--- \nimage: docker.io/a/b:v1\n",
            "kind: List\nitems:\n- spec:\n    image: 'x:1'\n",
            "- |\n  text\n- >-\n  more\n- ? k\n  : v\n",
        ]
        mutate("yaml", samples, words: ["*x", "&x", "<<: ", "? ", "- - - -", "!!binary"]) { bytes in
            _ = try? YAMLDocuments.all(SourceText(bytes, path: "x.yaml"))
            _ = try? Sealer.Tree(yaml: bytes, artifact: "x")
            _ = try? SealerImage(storeYAML: bytes, artifact: "x")
            _ = try? YAML.ImageScan.yaml(bytes, path: "x.yaml")
            _ = try? YAML.ImageScan.imageList(bytes, path: "imageList")
        }
    }

    @Test func specs() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let spec = [UInt8](
            try Data(contentsOf: root.appending(path: "bundles/kubernetes-rawdocker-v1.19.8.yaml")))
        mutate("spec", [spec], words: ["${ARCH}", "sha256: ", "platforms: [", "images:\n"], rounds: 300) {
            bytes in
            _ = try? SpecReader.read(bytes, path: "x.yaml")
        }
    }

    @Test func kubefiles() {
        let samples = [
            "FROM scratch\nARG A=b,C=d\nCOPY a* b/ c\nRUN echo ${A:-x} \\\n  && y\nCMD a, b\n",
            "${A:+${B:?no}}'q'\"$C\\\"\"",
        ]
        mutate("kubefile", samples, words: ["${A:-", "RUN ", "COPY ", "\\\n", "$("]) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? Kubefile(parsing: text)
            _ = try? ShellLexer.expand(text, values: ["A": "1", "B": ""])
        }
    }

    @Test func whatServersSay() {
        let samples = [
            #"Bearer realm="https://a.io/t",service="x",scope="repository:a:pull""#, "bytes 0-9/10",
            "bytes */10", "120",
            "Mon, 23 Nov 2026 20:00:00 GMT", "https://user@h.example:443/a?b=c#d", "[::1]:5000",
        ]
        mutate("servers", samples, words: ["bytes ", "realm=", "://", "@", "[::"]) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = Challenge.parse([text])
            let head = ResponseHead(
                status: 206, fields: [("content-range", text), ("content-length", text), ("range", text)])
            _ = (head.range, head.length, head.confirmedBytes, head.encoding)
            _ = try? HTTPURL(text)
            _ = Int64(sizeFromOutside: text)
        }
    }

    @Test func whatClientsOfServeSend() {
        let hash = "$2y$05$abcdefghijklmnopqrstuuJ5vrZtq8ZVvVZ1aFQ0oVYVZ1aFQ0oVYV"
        let samples = [
            "reader:\(hash)\n# who\n\nother:\(hash)\r\n", "Basic cmVhZGVyOnJpZ2h0", "bytes=0-9,20-,-5",
            "/v2/library/a/manifests/v1?ns=docker.io&n=10&last=a%2Fb", "[::1]:5000", "0.0.0.0:5000",
        ]
        mutate("clients", samples, words: ["bytes=", "%2", "?ns=", "$2y$", "Basic ", "[::"]) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? Htpasswd(text, path: "x")
            _ = Htpasswd.credentials(in: text)
            _ = ByteRange(text, size: 1 << 40)
            _ = RequestTarget(text)
            _ = try? ListenAddress(text)
        }
    }

    @Test func whatBundlesBeginWith() throws {
        let document = """
            {"lock":{"files":[],"images":[],"version":1},"required":[],"spec":{"base":{"image":"a.io/b:v1","layers":{}},\
            "builds":[],"files":{},"images":["a.io/b:v1"],"name":"x","platforms":["linux/amd64"],"registries":{},\
            "registry":"sea.hub:5000","version":1},"version":2}
            """
        let index = """
            {"annotations":{"io.sealift.bundle.size":"10240","io.sealift.volume.size":"4096"},"manifests":[{"mediaType":\
            "a/b","digest":"\(Self.digest)","size":1,"artifactType":"application/vnd.sealift.bundle.v1+json"}]}
            """
        mutate("bundle", [document, index], words: ["\"images\":[", "\"manifests\":[", "\"outcome\":{"]) {
            bytes in
            _ = try? BundleDocument.decode(bytes, artifact: "x")
            _ = try? IndexHead(parsing: bytes)
        }
    }

    @Test func listsOfOtherTools() {
        let samples = [
            "docker.io/a/b:v1\nquay.io/c/d@\(Self.digest)\n",
            #"{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod"}]}"#,
            "apiVersion: content.hauler.cattle.io/v1\nkind: Images\nspec:\n  images:\n  - name: a/b:v1\n",
            "kind: ZarfPackageConfig\ncomponents:\n- name: x\n  images: [a/b:v1]\n",
        ]
        mutate("lists", samples, words: ["kind: ", "- name: ", "\"items\":["]) { bytes in
            _ = try? ForeignList.read(bytes, path: "x")
        }
    }

    /// What is nested up to the bounds is read on the threads that commands read on, in every build: their stacks suffice.
    @Test func whatIsNestedToItsBoundFitsAThread() throws {
        let open = ["{a: ", "[", "{\"a\": ", "[{\"image\": "]
        var texts = open.flatMap { open in
            [99, 100, 198, 199, 200, 5000].map { String(repeating: open, count: $0) }
        }
        for depth in [99, 198, 200] {
            texts.append(String(repeating: "{a: ", count: depth) + "x" + String(repeating: "}", count: depth))
            texts.append(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
            texts.append(
                String(repeating: "{\"image\":", count: depth) + "1" + String(repeating: "}", count: depth))
            texts.append((0..<depth).map { String(repeating: " ", count: $0) + "image:\n" }.joined())
            texts.append(String(repeating: "- ", count: depth) + "a: b:1")
            texts.append(
                "kind: List\nitems:\n"
                    + (0..<depth).map { String(repeating: " ", count: $0) + "- items:\n" }.joined())
            texts.append(
                "a = " + String(repeating: "{a = ", count: depth) + "1" + String(repeating: "}", count: depth)
            )
        }
        for text in texts {
            try onOwnThread { () throws(Failure) in
                let bytes = Array(text.utf8)
                _ = try? YAMLDocuments.all(SourceText(bytes, path: "x.yaml"))
                _ = try? YAMLDocument(json: SourceText(bytes, path: "x.json"))
                _ = try? Sealer.Tree(yaml: bytes, artifact: "x")
                _ = try? Sealer.Tree(json: bytes, artifact: "x")
                _ = try? SealerImage(storeYAML: bytes, artifact: "x")
                _ = try? YAML.ImageScan.yaml(bytes, path: "x.yaml")
                _ = try? ForeignList.read(bytes, path: "x")
                _ = try? SpecReader.read(bytes, path: "x.yaml")
                _ = try? Manifest(parsing: bytes, type: nil, artifact: "x")
                _ = try? BundleDocument.decode(bytes, artifact: "x")
                _ = try? Lock.decode(bytes, path: "x")
                _ = try? Inventory.decode(bytes, path: "x")
                _ = try? TOMLDocument(SourceText(bytes, path: "x.toml"))
            }
        }
    }

    @Test func keysAndSignatures() throws {
        let key = try SigningKey.generate()
        let samples = [try key.privatePEM(), try key.publicPEM()]
        mutate("keys", samples, words: ["-----BEGIN ", "ENCRYPTED", "=="], rounds: 600) { bytes in
            _ = try? SigningKey(pem: bytes, path: "x") { Array("x".utf8) }
            _ = key.isSignature(bytes, of: [1])
        }
    }
}
