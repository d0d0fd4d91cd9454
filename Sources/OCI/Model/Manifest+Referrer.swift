// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

extension Manifest {
    /// How a list of referrers names this manifest; `nil` where it has no `subject`.
    ///
    /// Type, digest and size are its own, the artifact type is the one written or that of its config, and all of its
    /// annotations are copied; annotations that are not text by key are left out. Source: OCI distribution specification
    /// 1.1, "Pushing Manifests with Subject".
    package var referrer: Descriptor? {
        guard subject != nil else { return nil }
        struct Fields: Decodable { var annotations: [String: String]? }
        return Descriptor(
            mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size,
            annotations: (try? JSONText.decode(Fields.self, from: raw))?.annotations,
            artifactType: artifactType)
    }
}

extension Digest {
    /// The tag under which registries without the referrers API keep the list of what names this digest as its subject.
    /// Source: OCI distribution specification 1.1, "Referrers Tag Schema".
    package var referrersTag: String { "\(algorithm.rawValue)-\(hex.prefix(64))" }
}
