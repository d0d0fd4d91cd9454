// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Serve
internal import Spec

/// A bundle as the server wants it: names and places, without what opening it has read. Of ten thousand images the one
/// takes 5 MB, the other 50.
struct BundleShelf: ServedContent {
    /// The path of the bundle.
    let path: String
    /// What people see of it.
    let facts: ServedBundle
    let images: [NamedImage]
    let files: [NamedFile]
    private let places: BlobPlaces

    init(bundle: Bundle) {
        path = bundle.path
        facts = ServedBundle(
            name: bundle.spec.name, release: bundle.spec.release, registry: bundle.spec.registry,
            identity: bundle.indexDigest, size: bundle.size, signature: bundle.signatureSummary,
            platforms: BundleSizes.shares(of: bundle).map { ($0.platform, $0.size) })
        images = bundle.images.map { NamedImage(reference: $0.reference, descriptor: $0.top.descriptor) }
        files = bundle.namedFiles
        places = bundle.places
    }

    func regions(of digest: Digest) -> [Region] { places.regions(of: digest) }
}

extension Bundle {
    /// The files, then the tools; of a name that differs by platform each has the platform in its own: `docker-linux-amd64`.
    var namedFiles: [NamedFile] {
        files.map { file in
            let platform = file.platform.map { "-" + $0.description.replacing("/", with: "-") } ?? ""
            return NamedFile(name: file.name + platform, digest: file.digest, size: file.size)
        }
            + tools.map {
                NamedFile(name: $0.name, digest: $0.digest, size: $0.size, isExecutable: true)
            }
    }
}
