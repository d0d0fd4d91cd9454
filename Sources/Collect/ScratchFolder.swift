// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// The folder beside a bundle or a lock for content that must lie somewhere before it can be taken: files
/// whose digest nobody knows, archives that are compressed as a whole.
struct Scratch: Sendable {
    let path: String

    /// The scratch folder of what lies at `target`; it is made by whoever needs it.
    init(beside target: String) { path = target + ".files" }

    /// Takes the folder away with all that is in it.
    func remove() {
        guard let listing = opendir(path) else { return }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            unlink("\(path)/\(name)")
        }
        closedir(listing)
        rmdir(path)
    }
}
