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
            try bundle.sign(with: key)
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
            try bundle.sign(with: other)
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
}
