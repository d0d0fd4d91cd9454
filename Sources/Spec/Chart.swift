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
        /// What it is rendered with; `nil` for what it brings itself.
        package var rendering: Rendering?

        /// The name by which steps of builds take its archive, which no file can have.
        package var file: String { "chart \(reference)" }

        /// Creates a chart.
        package init(
            name: String, reference: Reference, repo: String? = nil, version: String, digest: Digest? = nil,
            rendering: Rendering? = nil
        ) {
            self.name = name
            self.reference = reference
            self.repo = repo
            self.version = version
            self.digest = digest
            self.rendering = rendering
        }
    }

    /// A chart on the collecting host, packed or a folder: its images are carried, and itself where `files` names it.
    package struct LocalChart: Sendable, Codable, Equatable {
        /// The chart, its path relative to the spec's folder.
        package var path: String
        /// What it is rendered with; `nil` for what it brings itself.
        package var rendering: Rendering?

        /// Creates a local chart.
        package init(path: String, rendering: Rendering? = nil) {
            self.path = path
            self.rendering = rendering
        }
    }

    /// What a chart is rendered with, to learn its images. Each is as `helm template` takes it.
    package struct Rendering: Sendable, Codable, Equatable {
        /// YAML of values that replace the chart's own, and those of the files.
        package var values: String?
        /// Files of values, their paths relative to the spec's folder; a later one replaces what an earlier one says.
        package var valuesFiles: [String]?
        /// The version of Kubernetes that the templates see.
        package var kubeVersion: String?
        /// The APIs that the templates see, like `monitoring.coreos.com/v1`.
        package var apiVersions: [String]?

        /// Creates a rendering.
        package init(
            values: String? = nil, valuesFiles: [String]? = nil, kubeVersion: String? = nil,
            apiVersions: [String]? = nil
        ) {
            self.values = values
            self.valuesFiles = valuesFiles
            self.kubeVersion = kubeVersion
            self.apiVersions = apiVersions
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
