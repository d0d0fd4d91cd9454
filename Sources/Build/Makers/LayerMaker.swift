// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer

/// What a build needs from where it runs: the isolated host, which writes layers into a store, or the connected one,
/// which only derives them. Used by one thread.
package protocol LayerMaker: AnyObject {
    /// Whom files belong to that the build makes by itself.
    var owner: FileOwner { get }
    /// Whether the ids of layers are those of their contents, so that equal layers have one id.
    var givesIDs: Bool { get }
    /// The image that FROM may name; `nil` where there is none.
    func image(named reference: Reference, for platform: Platform) throws(Failure) -> SealerImage?
    /// The tree of a layer of an image that FROM may name, or of one that was made before.
    /// - Throws: a ``Failure`` of kind `input` where it is not at hand.
    func tree(ofLayer id: Digest) throws(Failure) -> FileNode
    /// Makes a layer of a tree, and returns its id; `nil` where there are no files, which makes none.
    /// - Parameter isWholeContext: whether it is all that COPY took.
    func makeLayer(of root: FileNode, isWholeContext: Bool) throws(Failure) -> Digest?
    /// Makes the layer of a RUN over the layers `lower`, the lowest first; `nil` where it changed nothing.
    /// - Parameter note: given what a person should look at.
    func makeLayer(
        running command: RunCommand, over lower: [Digest], note: (String) -> Void
    ) throws(Failure) -> Digest?
    /// A file whose size shows only when it is made.
    /// - Parameters:
    ///   - key: equal keys mean equal files, which may be made once.
    ///   - blobs: what `write` reads; where they are not at hand yet, the file is ``FileContent/pending``.
    func makeFile(
        _ key: String, from blobs: [Descriptor], write: (File) throws(Failure) -> Void
    ) throws(Failure) -> (content: FileContent, size: Int64)
}

/// A RUN, ready for the shell.
package struct RunCommand: Sendable {
    /// The image that is built, for errors.
    package var image: Reference
    /// The instruction as it was written.
    package var instruction: Kubefile.Instruction
    /// The command, its arguments replaced.
    package var command: String
    /// The time of what it changes, seconds since 1970.
    package var time: Int64
}
