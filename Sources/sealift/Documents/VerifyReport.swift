// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import OCI

/// What a verification checked, against what, and what came of it: `verify/1` in `bundles/output.schema.json`.
struct VerifyReport: Encodable {
    /// How it ended.
    enum Result: String, Encodable {
        /// Every byte that is there is as promised, and nothing is missing.
        case passed
        /// What is there is as promised, but a delta's other bundle was not given, or does not have all of it.
        case incomplete
        /// Bytes are not those of their digest.
        case damaged
        /// It is not a bundle, or not one that a trusted key has signed; no blob was read.
        case refused
    }

    struct File: Encodable { let path: String, size: Int64 }
    struct Damage: Encodable {
        let digest: Digest, size: Int64, owner: String, files: [String], reason: String, remedy: String
    }
    struct Blob: Encodable { let digest: Digest, size: Int64, owner: String, result: BlobResult }
    enum BlobResult: String, Encodable { case passed, damaged, missing }
    struct Refusal: Encodable {
        let operation: String, artifact: String, reason: String, remedy: String, exitCode: Int32
    }

    let tool = ToolVersion()
    /// When the verification ended, UTC, RFC 3339.
    let time = Date().formatted(.iso8601)
    /// The bundle, as it was named on the command line.
    let bundle: String
    var result = Result.passed
    /// The digest of `index.json`: the bundle's identity.
    var digest: Digest?
    var size: Int64?
    /// How many blobs are in it.
    var blobs: Int?
    var files: [File] = []
    /// Whether the system's copies in memory were dropped first, so that all bytes came from the medium.
    var fromMedium: Bool?
    var signature: SignatureFacts?
    var signers: [Signer] = []
    /// The record of the bundle's origin beside it, as it is; the signature does not cover it.
    var provenance: ProvenanceFile?
    /// What a delta requires and no bundle given with it has.
    var missing: [Digest] = []
    /// Every damaged blob, in the order of their places.
    var damaged: [Damage] = []
    /// Why it was refused.
    var refusal: Refusal?
    /// Every blob with its own result; in reports only.
    var checked: [Blob]?

    /// The report of a bundle that was not opened.
    init(_ path: String, refusedBecause failure: Failure) {
        bundle = path
        result = .refused
        refusal = Refusal(
            operation: failure.operation, artifact: failure.artifact, reason: failure.reason,
            remedy: failure.advice, exitCode: failure.kind.exitCode)
    }

    /// The report of a bundle that was read.
    init(_ path: String, of bundle: Bundle, damages: [Bundle.Damage], fromMedium: Bool) {
        self.bundle = path
        let gone = bundle.missing
        result = !damages.isEmpty ? .damaged : gone.isEmpty ? .passed : .incomplete
        digest = bundle.indexDigest
        size = bundle.size
        blobs = bundle.blobs.count
        files = bundle.fileSizes.map { File(path: $0.path, size: $0.size) }
        self.fromMedium = fromMedium
        signature = SignatureFacts(bundle)
        signers = bundle.signers
        provenance = ProvenanceFile(beside: bundle)
        missing = gone.map(\.descriptor.digest)
        damaged = damages.map { damage in
            Damage(
                digest: damage.descriptor.digest, size: damage.descriptor.size, owner: damage.owner,
                files: damage.files, reason: damage.failure.reason, remedy: damage.failure.advice)
        }
        let (bad, left) = (Set(damaged.map(\.digest)), Set(missing))
        checked = (bundle.blobs.map(\.item) + bundle.required).map { item in
            let digest = item.descriptor.digest
            return Blob(
                digest: digest, size: item.descriptor.size, owner: item.owner,
                result: bad.contains(digest) ? .damaged : left.contains(digest) ? .missing : .passed)
        }
    }

    /// The same without the list of all blobs: what `verify --json` prints.
    var summary: VerifyReport {
        var summary = self
        summary.checked = nil
        return summary
    }

    /// Writes the report for programs to `STEM.json` and the text to be filed to `STEM.txt`, where `stem` is `path`
    /// without either ending.
    /// - Returns: both paths.
    func write(to path: String) throws -> [String] {
        let stem =
            [".json", ".txt"].first(where: path.hasSuffix).map { String(path.dropLast($0.count)) } ?? path
        let json = try Console.json(JSONDocument(schema: "verify/1", value: self))
        try AtomicWrite.write(
            Array(String(decoding: json, as: UTF8.self).escapedData.utf8), to: stem + ".json")
        try AtomicWrite.write(Array(text.utf8), to: stem + ".txt")
        return [stem + ".json", stem + ".txt"]
    }
}

extension VerifyReport {
    /// The report as a text to be filed. What comes from outside is escaped.
    var text: String {
        var lines = ["sealift verification report", "", "Result      \(verdict)"]
        func add(_ name: String, value: String) {
            lines.append((name.padding(to: 12) + value).escapedForDisplay)
        }
        add("Time", value: time)
        add("Tool", value: "\(tool.name) \(tool.version)")
        add("Bundle", value: bundle)
        if let digest { add("Identity", value: "\(digest), SHA-256 of its index.json") }
        for file in files { add("File", value: "\(file.path), \(file.size) bytes") }
        if let fromMedium {
            add(
                "Read",
                value: fromMedium
                    ? "from the medium; copies in memory were dropped first"
                    : "possibly from memory: the system kept copies of some of it")
        }
        if let signature { add("Signature", value: signature.sentence) }
        for signer in signers { add("Signed by", value: "\(signer.name), key \(signer.fingerprint)") }
        if let provenance {
            add(
                "Origin",
                value:
                    "\(provenance.summary)\(provenance.digest.map { ", \($0)" } ?? ""); not covered by the signature"
            )
        }
        if let refusal {
            add("Refused", value: "cannot \(refusal.operation) \(refusal.artifact): \(refusal.reason)")
            add("Next", value: refusal.remedy)
        }
        guard let checked else { return lines.joined(separator: "\n") + "\n" }
        lines += [
            "",
            "Each blob was read and its SHA-256 compared with the digest that index.json, directly or through a",
            "manifest, names for it. All headers of the file were compared with those that index.json implies.",
            "",
        ]
        for blob in checked {
            lines.append(
                "\(blob.result.rawValue.padding(to: 8)) \(blob.digest) \(blob.size)  \(blob.owner)"
                    .escapedForDisplay)
        }
        for item in damaged {
            lines += [
                "", "\(item.digest) of \(item.owner): \(item.reason)".escapedForDisplay,
                "  → \(item.remedy)".escapedForDisplay,
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var verdict: String {
        switch result {
        case .passed: "PASSED: all \(blobs ?? 0) blobs are as promised"
        case .incomplete: "INCOMPLETE: what is there is as promised, \(missing.count) blobs are missing"
        case .damaged: "DAMAGED: \(damaged.count) of \(checked?.count ?? 0) blobs are not as promised"
        case .refused: "REFUSED: no blob was read"
        }
    }
}

extension SignatureFacts {
    fileprivate var sentence: String {
        switch state {
        case .verified: "verified over index.json, in \(file ?? "")"
        case .unchecked: "not verified: no trusted key was given; \(file ?? "") exists"
        case .absent: "none"
        }
    }
}

extension String {
    /// Followed by spaces up to `width` characters.
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
