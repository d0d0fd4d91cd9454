// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import OCI
internal import SBOM

/// A bundle's SBOM as a file of its own. It follows from the bundle, so that a signature of the bundle vouches for it too:
/// it is made again and compared.
struct SBOMFile {
    /// Where it is.
    let path: String

    /// The usual place beside the bundle at `bundle`.
    static func path(of bundle: String) -> String { "\(bundle).spdx.json" }

    /// Reads every layer of `bundle` and writes its SBOM.
    /// - Throws: a ``Failure`` of kind `data` for damaged layers; where the folder cannot be written.
    func write(of bundle: Bundle) async throws -> SBOM {
        let sbom = try await make(of: bundle, version: Sealift.version)
        try await onThread { () throws(Failure) in
            try AtomicWrite.write(to: path) { (file) throws(Failure) in
                var end: Int64 = 0
                try sbom.write { (bytes) throws(Failure) in
                    try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
                        try file.write(UnsafeRawBufferPointer(bytes), at: end)
                    }
                    end += Int64(bytes.count)
                }
            }
        }
        Console.say("\(path): an SPDX 2.3 document")
        return sbom
    }

    /// Reads every layer of `bundle` and holds the file to what its SBOM is, to the byte.
    /// - Throws: a ``Failure`` of kind `data` where it is another document.
    func verify(against bundle: Bundle) async throws {
        @Sendable func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "verify the SBOM", path, because: reason,
                remedy: "make it from the bundle: sealift inspect BUNDLE --sbom FILE")
        }
        let file = try File.open(path)
        let sbom = try await make(of: bundle, version: try Self.version(in: file) ?? Sealift.version)
        try await onThread { () throws(Failure) in
            var place: Int64 = 0
            let size = try file.size()
            try sbom.write { (bytes) throws(Failure) in
                let count = Int(min(Int64(bytes.count), max(0, size - place)))
                var stream = file.stream(at: place, count: Int64(count))
                guard count == bytes.count, try stream.readAll(limit: count, artifact: path) == bytes else {
                    throw refuse("it is not that of \(bundle.path): it differs after byte \(place)")
                }
                place += Int64(bytes.count)
            }
            guard place == size else { throw refuse("\(size - place) bytes follow its end") }
        }
    }

    private func make(of bundle: Bundle, version: String) async throws -> SBOM {
        let subject = SBOMSubject(bundle)
        let progress = Progress("read", total: subject.size)
        defer { progress.finish() }
        return try await onThread { () throws(Failure) in
            // The scratch file of an rpm database is in the folder of the SBOM.
            let survey = try LayerSurvey(
                of: subject, content: bundle, scratch: AtomicWrite.folder(of: path)
            ) { progress.add($0) }
            return try SBOM(of: subject, survey, content: bundle, version: version)
        }
    }

    /// The version of the sealift that made the file, as its beginning says; `nil` where it does not.
    private static func version(in file: File) throws(Failure) -> String? {
        var stream = file.stream(count: min(4096, try file.size()))
        let head = String(decoding: try stream.readAll(limit: 4096, artifact: file.path), as: UTF8.self)
        guard let start = head.firstRange(of: "\"Tool: sealift-") else { return nil }
        let version = head[start.upperBound...].prefix { $0 != "\"" }
        return ExecutableFile.isVersion(String(version)) ? String(version) : nil
    }
}
