// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Serve

/// A bundle as the server wants it.
struct BundleShelf: Shelf {
    let bundle: Bundle

    var images: [NamedImage] {
        bundle.images.map { NamedImage(reference: $0.reference, descriptor: $0.top.descriptor) }
    }

    /// The files, then the tools; of a name that differs by platform each has the platform in its own: `docker-linux-amd64`.
    var files: [NamedFile] {
        bundle.files.map { file in
            let platform = file.platform.map { "-" + $0.description.replacing("/", with: "-") } ?? ""
            return NamedFile(name: file.name + platform, digest: file.digest, size: file.size)
        }
            + bundle.tools.map {
                NamedFile(name: $0.name, digest: $0.digest, size: $0.size, isExecutable: true)
            }
    }

    func regions(of digest: Digest) -> [Region] { bundle.regions(of: digest) ?? [] }
}
