// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
package import OCI

/// What an SBOM speaks of: a bundle that is there, or one that is being written.
package struct SBOMSubject: Sendable {
    let name: String
    let release: String?
    let lock: Lock
    let base: Reference?
    let images: [BundleImage]
    let tools: [CarriedTool]
    /// The blobs that a delta leaves out. They are not read, also where another bundle has them: an SBOM follows from its
    /// bundle.
    let leftOut: Set<Digest>

    /// A bundle.
    package init(_ bundle: Bundle) {
        self.init(
            name: bundle.spec.name, release: bundle.spec.release, lock: bundle.lock,
            base: bundle.spec.base?.image, images: bundle.images, tools: bundle.tools,
            leftOut: Set(bundle.required.map(\.descriptor.digest)))
    }

    /// What a bundle will be made of. `images` may be in any order.
    package init(
        name: String, release: String?, lock: Lock, base: Reference?, images: [BundleImage],
        tools: [CarriedTool], leftOut: Set<Digest>
    ) {
        self.name = name
        self.release = release
        self.lock = lock
        self.base = base
        self.images = images.sorted { $0.reference < $1.reference }
        self.tools = tools.sorted { $0.name < $1.name }
        self.leftOut = leftOut
    }

    /// What says it from all others: the lock, and what is left out.
    func identity() throws(Failure) -> [UInt8] {
        try lock.encoded() + leftOut.sorted().flatMap { "\n\($0)".utf8 }
            + tools.flatMap { "\n\($0.digest)".utf8 }
    }

    /// The bytes of the layers that are read.
    package var size: Int64 { layers.filter { !leftOut.contains($0.digest) }.clampedTotal(\.size) }

    /// The layers of all images that serve a platform, each once, in order of first use.
    var layers: [Descriptor] {
        var seen: Set<Digest> = []
        return images.flatMap(\.instances).flatMap(\.layers).filter { seen.insert($0.digest).inserted }
    }
}

extension Manifest {
    /// The config of an image or an artifact.
    var config: Descriptor? {
        if case .image(let config, _) = content { config } else { nil }
    }
    /// Its layers, the lowest first; none of an index.
    var layers: [Descriptor] {
        if case .image(_, let layers) = content { layers } else { [] }
    }
}
