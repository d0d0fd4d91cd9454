// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Testing

/// Signatures, checked by OpenSSL as well as by us.
@Suite struct SignatureTests {
    static let shared = try! Fixture([.oci], layer: 100)

    func withBundle(_ body: (_ folder: String, BundleFormat.Bundle) throws -> Void) throws {
        try withFolder { folder in
            try Self.shared.write(try Self.shared.plan(), at: folder + "/b")
            try body(folder, try Bundle(opening: folder + "/b"))
        }
    }

    @Test func opensslAcceptsOurs() throws {
        try withBundle { folder, bundle in
            let key = try SigningKey.generate()
            try Data(try key.publicPEM()).write(to: URL(filePath: folder + "/public"))
            try bundle.sign(with: [key])
            let command = """
                tar xf b index.json && base64 -d b.sig > s && \
                openssl dgst -sha256 -verify public -signature s index.json
                """
            let checked = try run("sh", "-c", command, in: folder)
            #expect(checked.status == 0 && checked.text == "Verified OK\n", "\(checked.errors)")
            try bundle.checkSignature(by: [SigningKey(pem: try key.publicPEM(), path: "public")])
        }
    }

    @Test(arguments: [
        (
            "openssl ecparam -name prime256v1 -genkey -noout -out key",
            "openssl dgst -sha256 -sign key index.json"
        ),
        (
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key",
            "openssl dgst -sha256 -sign key index.json"
        ),
        (
            "openssl genpkey -algorithm ed25519 -out key",
            "openssl pkeyutl -sign -inkey key -rawin -in index.json"
        ),
    ])
    func weAcceptOpenssls(_ make: String, _ sign: String) throws {
        try withBundle { folder, bundle in
            let command = """
                \(make) && openssl pkey -in key -pubout -out public && tar xf b index.json && \
                \(sign) | openssl base64 -A > b.sig
                """
            let made = try run("sh", "-c", command, in: folder)
            #expect(made.status == 0, "\(made.errors)")
            let shared = try SigningKey(pem: try bytes(of: folder + "/public"), path: "public")
            #expect(!shared.isPrivate)
            try bundle.checkSignature(by: [shared])
            // Ours with the same key pass too, and other bytes do not.
            let secret = try SigningKey(pem: try bytes(of: folder + "/key"), path: "key")
            let signature = try secret.signature(of: bundle.index)
            #expect(shared.isSignature(signature, of: bundle.index))
            #expect(!shared.isSignature(signature, of: bundle.index + [0]))
            #expect(throws: Failure.self) { try shared.signature(of: []) }
            #expect(throws: Failure.self) { try shared.privatePEM() }
        }
    }

    @Test func missingAndForeignSignaturesAreRefused() throws {
        try withBundle { folder, bundle in
            let (ours, other) = (try SigningKey.generate(), try SigningKey.generate())
            let missing = #expect(throws: Failure.self) { try bundle.checkSignature(by: [ours]) }
            #expect(missing?.kind == .data && missing?.reason.contains("there is no") == true)
            try bundle.sign(with: [other])
            #expect(throws: Failure.self) { try bundle.checkSignature(by: [ours]) }
            #expect(throws: Failure.self) { try bundle.checkSignature(by: []) }
            try bundle.checkSignature(by: [ours, other])
            for text in ["", "not base64!\n", "AAAA\n", "AAAA BBBB\n", String(repeating: "A", count: 9000)] {
                try Data(text.utf8).write(to: URL(filePath: bundle.signaturePath))
                let refused = #expect(throws: Failure.self) { try bundle.checkSignature(by: [ours, other]) }
                #expect(refused?.kind == .data)
            }
        }
    }

    @Test(arguments: [
        "echo nothing", "openssl genrsa 2048", "openssl ecparam -name secp384r1 -genkey -noout",
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes128 -pass pass:secret",
    ])
    func otherKeysAreRefused(_ make: String) throws {
        let pem = Array(try run("sh", "-c", "\(make) 2>/dev/null").data)
        let refused = #expect(throws: Failure.self) { try SigningKey(pem: pem, path: "key") }
        #expect(refused?.kind == .configuration)
    }

    @Test func aKeySurvivesItsPEM() throws {
        let key = try SigningKey.generate()
        let again = try SigningKey(pem: try key.privatePEM(), path: "key")
        #expect(again.isPrivate)
        #expect(try again.publicPEM() == key.publicPEM())
        #expect(
            String(decoding: try key.privatePEM(), as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test func severalSignersAndWhoTheyAre() throws {
        try withBundle { folder, bundle in
            let (first, second, other) = (
                try SigningKey.generate(), try SigningKey.generate(), try SigningKey.generate()
            )
            try bundle.sign(with: [first])
            try bundle.sign(with: [second], adding: true)
            try bundle.sign(with: [second], adding: true)
            let lines = String(decoding: try bytes(of: bundle.signaturePath), as: UTF8.self)
            #expect(lines.split(separator: "\n").count == 2, "a key that signs again replaces its own")
            #expect(
                try bundle.checkSignature(by: [other, second, first]).map(\.keyID) == [
                    second.keyID(), first.keyID(),
                ])
            try bundle.sign(with: [second])
            #expect(throws: Failure.self) { try bundle.checkSignature(by: [first]) }
            // The fingerprint is that of the DER that OpenSSL writes.
            try Data(try second.publicPEM()).write(to: URL(filePath: folder + "/second.pub"))
            let der = try run(
                "sh", "-c", "openssl pkey -pubin -in second.pub -outform DER | sha256sum", in: folder)
            #expect(try der.text.hasPrefix(second.fingerprint().hex))
        }
    }

    /// With a key the signature is verified before the index is parsed: what is not even JSON is refused for its
    /// signature.
    @Test func theSignatureComesBeforeTheParser() throws {
        try withBundle { folder, bundle in
            let key = try SigningKey.generate()
            try bundle.sign(with: [key])
            try FileManager.default.createDirectory(
                atPath: folder + "/keys", withIntermediateDirectories: false)
            try Data(try key.publicPEM()).write(to: URL(filePath: folder + "/keys/ops.pub"))
            let trust = try Trust(files: [], folders: [folder + "/keys"])
            let opened = try Bundle(opening: folder + "/b", trusting: trust)
            #expect(opened.signers.map(\.name) == ["ops"])
            #expect(try Bundle(opening: folder + "/b").signers.isEmpty)
            var tar = try bytes(of: folder + "/b")
            let at = try #require(
                tar.indices.dropLast(20).first { tar[$0..<($0 + 15)].elementsEqual("{\"annotations\":".utf8) }
            )
            tar[at] = UInt8(ascii: "!")
            try Data(tar).write(to: URL(filePath: folder + "/b"))
            let refused = #expect(throws: Failure.self) {
                try Bundle(opening: folder + "/b", trusting: trust)
            }
            #expect(refused?.operation == "accept the signature of", "\(refused as Any)")
            try FileManager.default.removeItem(atPath: folder + "/b.sig")
            let unsigned = #expect(throws: Failure.self) {
                try Bundle(opening: folder + "/b", trusting: trust)
            }
            #expect(unsigned?.reason.contains("there is no") == true)
        }
    }

    @Test func aTrustFolderWithoutKeysTrustsNobody() throws {
        try withFolder { folder in
            #expect(throws: Failure.self) { try Trust(files: [], folders: [folder]) }
            #expect(throws: Failure.self) { try Trust(files: [], folders: [folder + "/none"]) }
            try Data("nothing".utf8).write(to: URL(filePath: folder + "/x.pub"))
            let refused = #expect(throws: Failure.self) { try Trust(files: [], folders: [folder]) }
            #expect(refused?.kind == .configuration && refused?.artifact.hasSuffix("x.pub") == true)
        }
    }

    @Test func passphrasesAreOpenssls() throws {
        try withFolder { folder in
            let key = try SigningKey.generate()
            let pem = try key.privatePEM(passphrase: Array("open sesame".utf8))
            #expect(String(decoding: pem, as: UTF8.self).hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
            try Data(pem).write(to: URL(filePath: folder + "/key"))
            let read = try run(
                "openssl", "pkey", "-in", "key", "-passin", "pass:open sesame", "-pubout", in: folder)
            #expect(Array(read.data) == (try key.publicPEM()))
            let ours = try SigningKey(pem: pem, path: "key") { Array("open sesame".utf8) }
            #expect(try ours.fingerprint() == key.fingerprint())
            for wrong in ["", "open", "open sesame ", String(repeating: "x", count: 2000)] {
                let refused = #expect(throws: Failure.self) {
                    try SigningKey(pem: pem, path: "key") { Array(wrong.utf8) }
                }
                #expect(refused?.kind == .configuration)
            }
            let made = try run(
                "sh", "-c", "openssl genpkey -algorithm ed25519 -aes256 -pass pass:x -out ed", in: folder)
            #expect(made.status == 0)
            #expect(try SigningKey(pem: bytes(of: folder + "/ed"), path: "ed") { Array("x".utf8) }.isPrivate)
        }
    }

    /// A pipe without a writer, a device, a socket's place, a folder: refused at once.
    @Test(.timeLimit(.minutes(1))) func whatIsNotAFileIsRefusedAtOnce() throws {
        try withBundle { folder, bundle in
            let key = try SigningKey.generate()
            try bundle.sign(with: [key])
            try FileManager.default.removeItem(atPath: bundle.signaturePath)
            #expect(mkfifo(bundle.signaturePath, 0o644) == 0)
            #expect(throws: Failure.self) { try bundle.checkSignature(by: [key]) }
            #expect(mkfifo(folder + "/pipe", 0o644) == 0)
            #expect(mkfifo(folder + "/set.001", 0o644) == 0)
            for path in [folder + "/pipe", folder + "/set", folder + "/set.001", "/dev/zero", folder] {
                let refused = #expect(throws: Failure.self) { try Bundle(opening: path) }
                #expect(refused?.kind == .input, "\(refused as Any)")
                #expect(throws: Failure.self) { try Trust(files: [path], folders: []) }
                #expect(throws: Failure.self) { try Inventory(at: path) }
            }
        }
    }
}
