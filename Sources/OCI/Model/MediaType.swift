// SPDX-License-Identifier: Apache-2.0

/// The media types that carry meaning here. Sources: OCI image specification, `media-types.md`; docker
/// image manifest version 2, schema 2.
package enum MediaType {
    /// An OCI image index.
    package static let index = "application/vnd.oci.image.index.v1+json"
    /// An OCI image manifest.
    package static let manifest = "application/vnd.oci.image.manifest.v1+json"
    /// A docker manifest list.
    package static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// A docker schema 2 manifest.
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    /// An OCI image config.
    package static let config = "application/vnd.oci.image.config.v1+json"
    /// A docker image config.
    package static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    /// A docker layer as `docker save` writes it: a tar that is not compressed.
    package static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
    /// A docker layer as registries have it.
    package static let dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    /// The config of a Helm chart.
    package static let helmConfig = "application/vnd.cncf.helm.config.v1+json"
    /// The archive of a Helm chart.
    package static let helmChart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    /// The empty JSON object `{}`, for artifacts without a config.
    package static let empty = "application/vnd.oci.empty.v1+json"
    /// What sealer writes for a layer that was already there when it pushed.
    package static let octets = "application/octet-stream"

    /// Whether it is a layer that registries may not distribute: its descriptor says where it may be had from.
    package static func isForeignLayer(_ type: String) -> Bool {
        type.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
            || type.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
    }

    /// Whether it is a layer of files of a container image, in whatever compression.
    package static func isFileLayer(_ type: String) -> Bool {
        type.hasPrefix("application/vnd.oci.image.layer.")
            || type.hasPrefix("application/vnd.docker.image.rootfs.")
    }

    /// Both forms of an index.
    package static let indexes: Set<String> = [index, dockerList]
    /// All that a registry is asked for when a tag is resolved, in order of preference.
    package static let accepted = [index, dockerList, manifest, dockerManifest]

    /// `type` without memory of its own where it is a common one: a bundle names one ten thousand times.
    package static func shared(_ type: String) -> String { common[type] ?? type }

    private static let common = Dictionary(
        uniqueKeysWithValues: [
            index, manifest, dockerList, dockerManifest, config, dockerConfig, dockerLayer, dockerLayerGzip,
            empty,
            octets, "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "application/vnd.in-toto+json",
        ].map { ($0, $0) })
}
