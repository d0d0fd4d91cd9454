// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
package import OCI
package import Spec

/// What `collect` is asked for.
package struct CollectOptions: Sendable {
    /// The spec, and where it is: the lock is next to it.
    package var spec: ParsedSpec
    /// Where the bundle goes; `nil` for `NAME.sealift` in the current folder.
    package var output: String?
    /// Carry these platforms alone; empty for all of the spec.
    package var platforms: [Platform] = []
    /// Split the bundle into files of so many bytes.
    package var volumeSize: Int64?
    /// Leave out what these have: paths of bundles, or of inventories of isolated hosts.
    package var since: [String] = []
    /// Copy from these bundles what they have, in place of the network.
    package var reuse: [String] = []
    /// The keys that must have signed the bundles of ``since`` and ``reuse``.
    package var trust = Trust.none

    /// Whether what the lock does not have is taken as it is now, and said, rather than refused.
    package var takesUnlocked = false

    /// Whether layers that registries may not distribute are fetched from the URLs in their manifests, where the registry
    /// does not have them.
    package var fetchesForeignLayers = false

    /// Whether RUN is executed here, for the platforms that this host runs, so that the outcome covers what it makes.
    package var rehearsesRun = false

    /// Other places for file URLs.
    package var fileMirrors = FileMirrors()

    /// Where Helm is; `nil` for the one in `PATH`, if there is one.
    package var helm: String?

    /// The executables that travel with the bundle.
    package var tools: [ToolFile] = []

    /// Notes where content comes from; it is given the client's events too.
    package var log = ProvenanceLog()

    /// Options for `spec`, all others at their defaults.
    package init(spec: ParsedSpec) { self.spec = spec }
}

/// What happens during a collect, for a display. Comes from any thread.
package enum CollectEvent: Sendable {
    /// A note for people that changes nothing.
    case note(String)
    /// All is laid out: the bundle's size in bytes, how many of them are on the disk already, and what the
    /// items of `TransferEvent` are called before people.
    case planned(size: Int64, blobs: Int, present: Int64, names: [String: String])
    /// So many bytes came from this host's own disk.
    case copied(bytes: Int64)
    /// The base and the files are there: the builds are proved.
    case proving
    /// All blobs are there: the ids of all images are derived.
    case deriving
}

/// What a collect comes to.
package struct Collected: Sendable, Encodable {
    private enum CodingKeys: CodingKey {
        case path, digest, size, blobs, fetched, copied, required, requiredBytes, tools, unchanged
    }

    /// Where the bundle is.
    package let path: String
    /// The digest of its index: its identity.
    package let digest: Digest
    /// Its size in bytes.
    package let size: Int64
    /// How many blobs it has.
    package let blobs: Int
    /// How many of its bytes were fetched by this run.
    package let fetched: Int64
    /// How many of its bytes this run copied on this host, out of bundles and image archives.
    package let copied: Int64
    /// How many blobs it leaves out, because the isolated host has them.
    package let required: Int
    /// The size of these in bytes.
    package let requiredBytes: Int64
    /// The executables that travel with it.
    package let tools: [CarriedTool]
    /// Where its content came from; of a bundle that was made by this run.
    package var provenance: Provenance?
    /// Whether the bundle was there already, so that nothing had to be done.
    package let unchanged: Bool
}
