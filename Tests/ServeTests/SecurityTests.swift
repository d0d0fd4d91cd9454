// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Testing

/// TLS and users.
@Suite struct SecurityTests {
    @Test func aSelfSignedCertificateIsGoodForItsName() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let identity = try TLSIdentity(selfSignedFor: "sea.hub", also: ["10.0.0.5"])
        let ca = folder.path + "/ca.crt"
        try Data(identity.certificate.utf8).write(to: URL(filePath: ca))
        try await Served.with(sample.layout, settings: ServerSettings(tls: identity)) { served in
            let port = served.server.port
            let url = "https://sea.hub:\(port)/v2/calico/node/blobs/\(sample.large.digest)"
            let trusted = ["-sS", "--cacert", ca, "--resolve", "sea.hub:\(port):127.0.0.1"]
            let blob = try await run("curl", trusted + ["-o", folder.path + "/blob", url])
            #expect(blob.status == 0, "\(blob.err)")
            let bytes = try Data(contentsOf: URL(filePath: folder.path + "/blob"))
            #expect(
                Digest(of: Array(bytes)) == sample.large.digest,
                "\(bytes.count) of \(sample.large.size) bytes")
            let stranger = try await run("curl", ["-sS", "https://127.0.0.1:\(port)/v2/"])
            #expect(stranger.status == 60, "it is not trusted unasked")
            let other = try await run(
                "curl",
                [
                    "-sS", "--cacert", ca, "--resolve", "other.hub:\(port):127.0.0.1",
                    "https://other.hub:\(port)/v2/",
                ])
            #expect(other.status == 60, "it is not good for another name")
            let page = try await run("curl", trusted + ["https://sea.hub:\(port)/"])
            #expect(page.text.contains("https://sea.hub:\(port)/files/"))
            let text = try await run("openssl", ["x509", "-noout", "-text", "-in", ca])
            #expect(
                text.text.contains(
                    "DNS:sea.hub, IP Address:10.0.0.5, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"
                ))
            let verified = try await run("openssl", ["verify", "-CAfile", ca, ca])
            #expect(verified.status == 0)
            // Go's own verification, which docker and skopeo share.
            let certificates = folder.path + "/certs"
            try FileManager.default.createDirectory(atPath: certificates, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: ca, toPath: certificates + "/ca.crt")
            let skopeo = try await run(
                "skopeo",
                [
                    "inspect", "--raw", "--cert-dir", certificates,
                    "docker://\(served.authority)/calico/node:v3.19.1",
                ])
            #expect(skopeo.status == 0, "\(skopeo.err)")
        }
    }

    /// Pieces of a response are read by several threads; whichever is done first, they leave in order.
    @Test func manyDownloadsUnderTLSKeepTheirOrder() async throws {
        var bytes = [UInt8](repeating: 0, count: 24 << 20)
        for index in stride(from: 0, to: bytes.count, by: 4096) { bytes[index] = UInt8((index >> 12) % 251) }
        let (layout, blob) = try Layout.holding(bytes)
        let settings = ServerSettings(tls: try TLSIdentity(selfSignedFor: "127.0.0.1"))
        try await Served.with(layout, settings: settings) { served in
            try await withThrowingTaskGroup(of: Digest.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        let answer = try await served.curl("/v2/a/blobs/\(blob.digest)", ["-k"])
                        return Digest(of: answer.body)
                    }
                }
                for try await digest in group { #expect(digest == blob.digest) }
            }
        }
    }

    @Test func aDamagedBlobIsCutUnderTLSToo() async throws {
        let sample = try await Sample()
        try DamageTests.flip(sample.layout.path(of: sample.large.digest), at: 2_000_000)
        let settings = ServerSettings(tls: try TLSIdentity(selfSignedFor: "127.0.0.1"))
        try await Served.with(sample.layout, settings: settings) { served in
            let response = try await served.curl("/v2/calico/node/blobs/\(sample.large.digest)", ["-k"])
            #expect(response.curl != 0)
            #expect(response.body.count < sample.large.size)
        }
    }

    @Test func certificateAndKeyComeFromFiles() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let (certificate, key) = (folder.path + "/cert.pem", folder.path + "/key.pem")
        let made = try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ])
        #expect(made.status == 0, "\(made.err)")
        let identity = try TLSIdentity(certificatePath: certificate, keyPath: key)
        try await Served.with(sample.layout, settings: ServerSettings(tls: identity)) { served in
            let ping = try await served.curl("/v2/", ["--cacert", certificate])
            #expect(ping.status == 200)
        }
        let missing = #expect(throws: Failure.self) {
            try TLSIdentity(certificatePath: folder.path + "/none", keyPath: key)
        }
        #expect(missing?.kind == .input)
        let swapped = try TLSIdentity(certificatePath: key, keyPath: certificate)
        let failure = await #expect(throws: Failure.self) {
            try await Server.start(
                try Catalog([sample.layout]),
                settings: ServerSettings(address: ListenAddress(host: "127.0.0.1", port: 0), tls: swapped))
        }
        #expect(failure?.kind == .configuration)
        #expect(throws: Failure.self) { try TLSIdentity(selfSignedFor: "a name\n") }
    }

    @Test func usersOfAnHtpasswdFileMayRead() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/htpasswd"
        let made = try await run("htpasswd", ["-cbB", path, "reader", "a:secret"])
        #expect(made.status == 0, "\(made.err)")
        let settings = ServerSettings(users: try Htpasswd(path: path))
        try await Served.with(sample.layout, settings: settings) { served in
            let nobody = try await served.curl("/v2/")
            #expect(nobody.status == 401)
            #expect(nobody.codes == ["UNAUTHORIZED"])
            #expect(nobody.headers["www-authenticate"] == "Basic realm=\"sealift\"")
            for wrong in ["reader:b", "other:a:secret", "reader:", "reader"] {
                #expect(try await served.curl("/v2/", ["-H", Self.basic(wrong)]).status == 401, "\(wrong)")
            }
            for header in ["Authorization: Bearer x", "Authorization: Basic !!!", "Authorization: Basic"] {
                #expect(try await served.curl("/v2/", ["-H", header]).status == 401)
            }
            for _ in 0..<2 {
                #expect(try await served.curl("/v2/", ["-u", "reader:a:secret"]).status == 200)
            }
            #expect(try await served.curl("/healthz").status == 200)
            let inspect = try await run(
                "skopeo",
                [
                    "inspect", "--raw", "--tls-verify=false", "--creds", "reader:a:secret",
                    "docker://\(served.authority)/calico/node:v3.19.1",
                ])
            #expect(inspect.status == 0, "\(inspect.err)")
            #expect(served.log.contains { $0.contains(" - reader [") })
            #expect(!served.log.contains { $0.contains("secret") })
        }
    }

    static func basic(_ text: String) -> String {
        "Authorization: Basic \(Data(text.utf8).base64EncodedString())"
    }

    @Test(arguments: [
        "user", "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", ":$2y$05$" + String(repeating: "a", count: 53),
    ])
    func anotherFormOfHashIsRefusedWithItsLine(line: String) {
        let failure = #expect(throws: Failure.self) { try Htpasswd("# users\n\n\(line)\n", path: "users") }
        #expect(failure?.kind == .configuration)
        #expect(failure?.artifact == "users, line 3")
    }
}
