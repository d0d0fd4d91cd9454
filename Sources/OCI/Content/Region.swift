// SPDX-License-Identifier: Apache-2.0

/// A run of bytes of an open file: where a blob, or a part of it, is.
package struct Region: Sendable {
    /// The file that holds it.
    package let file: File
    /// Its first byte's offset in the file.
    package let offset: Int64
    /// Its length in bytes.
    package let count: Int64

    /// Creates a region.
    package init(file: File, offset: Int64, count: Int64) {
        self.file = file
        self.offset = offset
        self.count = count
    }
}
