// SPDX-License-Identifier: Apache-2.0
internal import YAML

extension SourceText {
    /// Where relative paths of the file begin: empty, or a path that ends in a slash.
    var folder: String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "" }
}
