// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI

/// The right to write one bundle: from before anything is asked of the network until the bundle is there, no other run
/// works at its path.
///
/// The scratch folder beside it is what is locked, and it is for its owner only.
final class OutputHold: Sendable {
    /// Where the bundle goes: the file that a symbolic link points to, where the user named one.
    let path: String
    private let scratch: HeldFolder

    /// Takes the right to write at `output`.
    /// - Throws: a ``Failure`` of kind `space` where a folder, a device or another special file is there, `busy` while
    ///   another run works there, `denied` where the scratch folder belongs to another user.
    init(_ output: String) throws(Failure) {
        path = try AtomicWrite.target(of: output)
        scratch = try HeldFolder(at: ScratchFolder(beside: path).path, for: path)
    }
}
