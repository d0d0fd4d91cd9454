// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Registry

/// Where a bundle's content came from: what was asked for, who answered, when. It differs at each run, so it is beside the
/// bundle and is not part of it. Nothing in it is a secret.
package struct Provenance: Sendable, Encodable {
    /// A file by its path and the digest of its bytes.
    package struct File: Sendable, Encodable {
        let path: String
        let digest: Digest
    }
    /// The bundle that was made.
    package struct Made: Sendable, Encodable {
        package let path: String
        let digest: Digest
        let size: Int64
    }
    /// An answer of a server and when it had come whole.
    package struct Answer: Sendable, Encodable {
        let time: String
        let server: ServerAnswer

        package func encode(to encoder: any Encoder) throws {
            try server.encode(to: encoder)
            var fields = encoder.container(keyedBy: Key.self)
            try fields.encode(time, forKey: .time)
        }
        private enum Key: CodingKey { case time }
    }
    /// How content came into the bundle.
    package enum Way: String, Sendable, Encodable {
        /// Fetched by this run, as the answers say.
        case network
        /// Copied from another bundle.
        case bundle
        /// Copied from a file of the host that collected, or written in the spec.
        case file
        /// Copied from an image archive or layout of that host.
        case archive
        /// Made by sealift: the bundle document.
        case made
        /// In place when the run began: an earlier run was cut off, and its answers are not known.
        case earlier
    }
    /// One blob of the bundle.
    package struct Blob: Sendable, Encodable {
        let digest: Digest
        let size: Int64
        /// The reference or the title of the file that it belongs to.
        let owner: String
        let way: Way
        /// The path of the bundle, the file or the archive.
        let place: String?
        /// Who answered; of content that was fetched.
        let answers: [Answer]?
    }

    package let bundle: Made
    package let spec: File
    /// The lock that pinned names to content; absent where there was none.
    package let lock: File?
    /// When the run began and when the bundle was whole, UTC, RFC 3339.
    package let started: String
    package let ended: String
    /// Bundles and inventories of which content was left out, as they were named.
    package let since: [String]
    /// What is in the bundle, in its order.
    package let blobs: [Blob]
}
