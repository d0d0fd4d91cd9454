// SPDX-License-Identifier: Apache-2.0

/// Takes the bytes of one blob, in order. Used by one thread at a time; may block.
package protocol BlobSink: AnyObject, Sendable {
    /// How many bytes it holds already, from the first: where a transfer resumes.
    var received: Int64 { get }
    /// Takes the next bytes.
    /// - Throws: a ``Failure``: of kind `data` beyond the promised size, `space` when there is none left.
    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure)
    /// Forgets all bytes: the source cannot resume, and begins again.
    func restart() throws(Failure)
    /// Ends the blob: after return, size and digest are verified and the content is in place.
    /// - Throws: a ``Failure`` of kind `data` otherwise; then nothing is in place and it is empty again.
    func finish() throws(Failure)
}
