// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
internal import OCI

/// What an SBOM speaks of: a bundle.
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
        (name, release, lock) = (bundle.spec.name, bundle.spec.release, bundle.lock)
        base = bundle.spec.base?.image
        images = bundle.images.sorted { $0.reference < $1.reference }
        tools = bundle.tools.sorted { $0.name < $1.name }
        leftOut = Set(bundle.required.map(\.descriptor.digest))
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
