// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The folder next to a bundle or a lock for content that must be somewhere before it can be taken: files
/// whose digest is not known, archives that are compressed as a whole.
struct ScratchFolder: Sendable {
    let path: String

    /// The scratch folder of what is at `target`; it is made by its first user.
    init(beside target: String) { path = target + ".files" }

    /// Takes the folder away with all that is in it.
    func remove() { try? removeTree(at: path) }
}
