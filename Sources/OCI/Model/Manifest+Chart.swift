// SPDX-License-Identifier: Apache-2.0

extension Manifest {
    /// The archive of the Helm chart that this is: the layer of Helm's type, or of the type that Helm had before 3.7;
    /// `nil` for anything else. Source: helm.sh/docs/topics/registries.
    package var chartArchive: Descriptor? {
        guard case .image(let config, let layers) = content else { return nil }
        if let layer = layers.first(where: { $0.mediaType == MediaType.helmChart }) { return layer }
        guard config.mediaType == MediaType.helmConfig else { return nil }
        return layers.first { $0.mediaType == "application/tar+gzip" }
    }
}
