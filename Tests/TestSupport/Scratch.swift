// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
package import OCI
import Synchronization

/// The folders that are there. A value that lives as long as the process has no end of its own.
private let folders = Mutex<Set<String>>([])
private let removal: Void = {
    atexit { for path in folders.withLock({ $0 }) { try? removeTree(at: path) } }
}()

/// A temporary folder that goes when the value does, at the latest when the process exits.
package final class Scratch: Sendable {
    /// Where it is.
    package let path: String
    private let isOwn: Bool

    /// Makes a folder in that of `TMPDIR`. A process that may be killed sets this to a folder of the one that starts it.
    package init() throws(Failure) {
        _ = removal
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // Short, as podman takes no run folder whose path is longer than 50 bytes.
        var template = Array("\(base)\(base.hasSuffix("/") ? "" : "/")sl-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template), chmod(made, 0o755) == 0 else {
            throw Failure.system("create a folder in", artifact: base)
        }
        let path = String(cString: made)
        self.path = path
        isOwn = true
        folders.withLock { _ = $0.insert(path) }
    }

    /// A folder that another process made and removes.
    package init(existing path: String) {
        self.path = path
        isOwn = false
    }

    deinit {
        guard isOwn else { return }
        try? removeTree(at: path)
        folders.withLock { _ = $0.remove(path) }
    }

    /// The path of what is called `name` in the folder.
    package func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file and the folders above it, and returns its path.
    @discardableResult
    package func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = self(name)
        let folder = URL(filePath: file).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    /// The same for a text.
    @discardableResult
    package func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }

    /// The content of a file.
    package func bytes(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: self(name))))
    }
}
