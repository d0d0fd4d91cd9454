// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Where the blobs and tools of a bundle are. Its files stay open while the value lives.
package struct BlobPlaces: Sendable {
    let volumes: Volumes
    let places: [Digest: MemberPlace]

    /// Where the bytes are, in order; none for a blob that the bundle does not have. They are not verified.
    package func regions(of digest: Digest) -> [Region] {
        places[digest].map { volumes.regions(at: $0.offset, count: $0.size) } ?? []
    }
}
