// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A sealer image of the 0.8 form: its name, its layers and what runs when a cluster starts from it.
///
/// The same value is a registry's config blob (``configJSON``) and a file of a store's image database
/// (``storeYAML``). Source: sealer rules 1.4 and 4.1 to 4.4.
package struct SealerImage: Sendable, Equatable {
    /// One layer, or an instruction that made none.
    package struct Layer: Sendable, Equatable {
        /// sha256 of the uncompressed layer tar; `nil` for an instruction without files.
        package var id: Digest?
        /// The instruction: `COPY`, `RUN`, or `BASE` for what a build added by itself.
        package var type: String
        /// The instruction's arguments, as they were written.
        package var value: String

        /// Creates a layer.
        package init(id: Digest?, type: String, value: String) {
            self.id = id
            self.type = type
            self.value = value
        }
    }

    /// Values of the base image, and of this one.
    package struct Inherited<Value: Sendable & Equatable>: Sendable, Equatable {
        /// What the base and its bases gave.
        package var parent: Value
        /// What this image's own Kubefile gave.
        package var current: Value
    }

    /// A platform in the words of an image, not normalised: empty where nothing is said.
    package struct PlatformText: Sendable, Equatable, Codable {
        /// GOARCH.
        package var architecture = ""
        /// GOOS.
        package var os = ""
        /// The version of the operating system.
        package var osVersion = ""
        /// The processor's variant; sealer writes `v8` for arm64.
        package var variant = ""
    }

    /// Always `Image`.
    package var kind = "Image"
    /// Empty in every image that sealer writes.
    package var apiVersion = ""
    /// The full name with its tag, which is also its key in a store.
    package var name = ""
    /// Free text by key; the key ``clusterfileKey`` holds the default Clusterfile.
    package var annotations: [String: String] = [:]
    /// The id that the image was given, 64 hexadecimal digits; empty before it has one.
    package var id = ""
    /// The layers from the lowest to the topmost.
    package var layers: [Layer] = []
    /// The version of the sealer that built it.
    package var sealerVersion = ""
    /// What it runs on.
    package var platform = PlatformText()
    /// `application` for an image built without its base; empty otherwise.
    package var type = ""
    /// What runs once a cluster is up.
    package var commands = Inherited<[String]>(parent: [], current: [])
    /// Build and run arguments with their defaults.
    package var arguments = Inherited<[String: String]>(parent: [:], current: [:])
    /// Free text by key.
    package var labels: [String: String] = [:]

    /// The annotation that holds the default Clusterfile.
    package static let clusterfileKey = "sea.aliyun.com/ClusterFile"
    /// The version that images built here name: the one whose form they have.
    package static let writtenVersion = "v0.8.6"
    /// The type and value of a layer that holds container images as distribution storage.
    package static let cacheLayer = (type: "BASE", value: "rootfs cache")
    /// The largest config blob or stored image that is read: 4 MiB, as for manifests.
    package static let largestSize = 4 << 20

    /// An image without content.
    package init() {}

    /// The layers that have files, in order: the n-th belongs to the n-th layer of the manifest.
    package var layerIDs: [Digest] { layers.compactMap(\.id) }

    /// The same image under another name, its Clusterfile rewritten to that name, without an id. Give it one
    /// with ``identified()``.
    package func renamed(to reference: Reference) -> SealerImage {
        var copy = self
        copy.id = ""
        copy.name = reference.description
        if let clusterfile = annotations[Self.clusterfileKey] {
            let lines = clusterfile.split(separator: "\n", omittingEmptySubsequences: false)
            copy.annotations[Self.clusterfileKey] =
                lines.map { $0 == "  image: \(name)" ? "  image: \(copy.name)" : String($0) }
                .joined(separator: "\n")
        } else {
            copy.annotations[Self.clusterfileKey] = Self.clusterfile(image: copy.name)
        }
        return copy
    }

    /// The Clusterfile that sealer puts into the image `image` when it builds it.
    static func clusterfile(image: String) -> String {
        let ssh: Tree = .fields(["user": .string("root"), "port": .string("22")])
        let cluster: Tree = .fields([
            "apiVersion": .string("sealer.cloud/v2"), "kind": .string("Cluster"),
            "metadata": .fields(["name": .string("my-cluster"), "creationTimestamp": .null]),
            "spec": .fields(["image": .string(image), "ssh": ssh]), "status": .object([]),
        ])
        return String(decoding: cluster.yaml(), as: UTF8.self)
    }
}

extension SealerImage {
    /// The image as a store lists it under `name`: renamed where it calls itself otherwise, with the id that its
    /// content has. The id that it states counts for nothing.
    package func listed(as name: Reference) -> SealerImage {
        self.name == name.description ? identified() : renamed(to: name).identified()
    }
}

extension SealerImage.PlatformText {
    /// sealer's words for `platform`.
    package init(_ platform: Platform) {
        architecture = platform.architecture
        os = platform.os
        variant = platform.variant ?? (platform.architecture == "arm64" ? "v8" : "")
    }

    /// The platform, normalised.
    package var value: Platform { Platform(os: os, architecture: architecture, variant: variant) }
}
