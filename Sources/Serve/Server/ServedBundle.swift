// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What people see of a bundle that is served.
package struct ServedBundle: Sendable {
    /// The name in its spec.
    package var name: String
    /// Its release, where the spec names one.
    package var release: String?
    /// The registry that its cluster pulls from, as its spec says.
    package var registry: String
    /// The digest that a signature covers, and that `verify` prints.
    package var identity: Digest
    /// Its size in bytes, all volumes together.
    package var size: Int64
    /// Who vouches for it, in a few words.
    package var signature: String
    /// The bytes that each platform needs, blobs that several images share counted once.
    package var platforms: [(platform: Platform, size: Int64)]

    /// Its name and release.
    var title: String { [name, release].compactMap(\.self).joined(separator: " ") }

    /// Creates the description of a bundle.
    package init(
        name: String, release: String?, registry: String, identity: Digest, size: Int64, signature: String,
        platforms: [(platform: Platform, size: Int64)]
    ) {
        self.name = name
        self.release = release
        self.registry = registry
        self.identity = identity
        self.size = size
        self.signature = signature
        self.platforms = platforms
    }
}
