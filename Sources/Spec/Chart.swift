// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Spec {
    /// A Helm chart of one version, which a bundle carries as an OCI artifact.
    package struct Chart: Sendable, Codable, Equatable {
        /// The chart's own name: the last part of its `oci://` reference, or the name in the repository's index.
        package var name: String
        /// What it is called in the bundle. For a chart of an OCI registry that is also where it comes from; for one of an
        /// HTTP repository it is the repository's host and path. The tag is the version, with `_` for `+` as Helm writes it.
        package var reference: Reference
        /// The URL of the HTTP chart repository; `nil` for a chart of an OCI registry.
        package var repo: String?
        /// Its version, as it is written in `Chart.yaml`.
        package var version: String
        /// What its content must be: the manifest's digest for `oci://`, the archive's for an HTTP repository.
        package var digest: Digest?
        /// YAML of values that replace the chart's own.
        package var values: String?

        /// Creates a chart.
        package init(
            name: String, reference: Reference, repo: String? = nil, version: String, digest: Digest? = nil,
            values: String? = nil
        ) {
            self.name = name
            self.reference = reference
            self.repo = repo
            self.version = version
            self.digest = digest
            self.values = values
        }
    }

    /// What is carried along with an image that it belongs to.
    package enum AttachedKind: String, Sendable, Codable, CaseIterable {
        /// cosign's `.sig` tags, and referrers that are signatures.
        case signatures
        /// cosign's `.sbom` tags, and referrers that are SPDX, CycloneDX or Syft documents.
        case sboms
        /// cosign's `.att` tags, and all other referrers.
        case attestations
    }

    /// What is carried along with an image, or with all.
    package struct Attached: Sendable, Codable, Equatable {
        /// The image; `nil` for all that have no entry of their own.
        package var image: Reference?
        /// The kinds, in the order of ``AttachedKind``, each once.
        package var kinds: [AttachedKind]

        /// Creates an entry.
        package init(image: Reference?, kinds: [AttachedKind]) {
            self.image = image
            self.kinds = kinds
        }
    }

    /// What is carried along with `image`.
    package func attachedKinds(of image: Reference) -> [AttachedKind] {
        let entries = attached ?? []
        return (entries.first { $0.image == image } ?? entries.first { $0.image == nil })?.kinds ?? []
    }
}
