// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What TLS with one server rests on: whom to believe, and what to show.
struct TLSTrust: Sendable {
    /// The certificate authorities, in PEM, where they are others than the file of the settings holds.
    var authorities: [UInt8]?
    /// The PEM file of the certificate that is shown to a server which asks for one.
    var certificate: String?
    /// The PEM file of its key.
    var key: String?
}

/// Finds out each server's ``TLSTrust``, once.
///
/// Beside the settings for all servers there are folders of a server's own, as docker and podman have them
/// (containers-certs.d(5)): `FOLDER/HOST[:PORT]/` with `*.crt`, authorities, and `NAME.cert` beside
/// `NAME.key`, what the client shows. The first folder that has the server counts alone.
final class Trusts: Sendable {
    private let file: String
    private let more: [String]
    private let folders: [String]
    private let shown: (certificate: String?, key: String?)
    private let known = Monitor<[String: TLSTrust]>([:])

    init(_ settings: TransferSettings) {
        file = settings.authorities
        more = settings.moreAuthorities
        folders = settings.certificateFolders
        shown = (settings.clientCertificate, settings.clientKey)
    }

    /// What holds for the server at `address`. Blocking where it was not asked for before.
    /// - Throws: a ``Failure`` of kind `configuration` or `input` for files that are not what they should be.
    func trust(in address: HTTPURL) throws(Failure) -> TLSTrust {
        if let trust = known.locked({ $0[address.authority] }) { return trust }
        let trust = try find(address)
        known.locked { $0[address.authority] = trust }
        return trust
    }

    /// Whether ``trust(in:)`` returns at once.
    func isKnown(_ address: HTTPURL) -> Bool { known.locked { $0[address.authority] != nil } }

    private func find(_ address: HTTPURL) throws(Failure) -> TLSTrust {
        let own = try folder(for: address)
        var trust = TLSTrust(certificate: shown.certificate, key: shown.key)
        if let certificate = own.certificates.first {
            let key = certificate.dropLast("cert".count) + "key"
            guard access(String(key), R_OK) == 0 else {
                throw Failure(
                    .configuration, "use the client certificate", certificate,
                    because: "its key is not in the same folder: \(key)",
                    remedy: "put the key there, readable")
            }
            (trust.certificate, trust.key) = (certificate, String(key))
        }
        for path in [trust.certificate, trust.key].compactMap(\.self) where access(path, R_OK) != 0 {
            throw Failure.system("read the client certificate", artifact: path)
        }
        let extra = more + own.authorities
        if extra.isEmpty { return trust }
        var all = access(file, R_OK) == 0 ? try File.open(file).bytes(limit: 16 << 20) : []
        for path in extra {
            let bytes = try File.open(path).bytes(limit: 16 << 20)
            guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else {
                throw Failure(
                    .configuration, "use the certificate authority", path,
                    because: "it holds no certificate in PEM",
                    remedy: "convert it with 'openssl x509 -inform der -in FILE'")
            }
            all += Array("\n".utf8) + bytes
        }
        trust.authorities = all
        return trust
    }

    private func folder(
        for address: HTTPURL
    ) throws(Failure) -> (authorities: [String], certificates: [String]) {
        for folder in folders {
            for name in [address.authority, "\(address.host):\(address.port)"] {
                let path = "\(folder)/\(name)"
                let names: [[UInt8]]
                do throws(Failure) {
                    names = try Folder.open(path).names()
                } catch {
                    if error.kind == .input { continue }
                    throw error
                }
                let files = names.map { "\(path)/\(String(decoding: $0, as: UTF8.self))" }
                return (files.filter { $0.hasSuffix(".crt") }, files.filter { $0.hasSuffix(".cert") })
            }
        }
        return ([], [])
    }
}
