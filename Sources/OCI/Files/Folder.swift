// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// An open folder, below which paths are resolved without ever following a symbolic link or leaving it,
/// whichever program made what is there.
///
/// A path is relative, its components are separated by single slashes, and none of them is empty, `.` or
/// `..`; the empty path is the folder itself. A name is a path of one component.
package final class Folder: Sendable {
    /// The descriptor, valid while the object lives.
    package let descriptor: Int32
    /// Where the folder is, for errors.
    package let path: String

    /// Set once openat2 turned out to be missing: before Linux 5.6, or forbidden by a seccomp filter.
    private static let walksByComponent = Atomic<Bool>(false)

    private init(taking descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens the folder at `path`, which the user named: links on the way to it are followed.
    package static func open(_ path: String) throws(Failure) -> Folder {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure.system("open", artifact: path) }
        return Folder(taking: descriptor, path: path)
    }

    /// Opens a folder below this one.
    /// - Throws: a ``Failure``: of kind `data` when a component is a symbolic link or the path is not well
    ///   formed, `input` when it is not there.
    package func folder(_ path: [UInt8]) throws(Failure) -> Folder {
        let descriptor = try open(path, flags: O_RDONLY | O_DIRECTORY)
        return Folder(taking: descriptor, path: shown(path))
    }

    /// Opens a regular file below this folder for reading.
    /// - Throws: a ``Failure``: as ``folder(_:)``, and of kind `data` when it is no regular file.
    package func file(_ path: [UInt8]) throws(Failure) -> File {
        // Without O_NONBLOCK a pipe in the file's place would stop us for good.
        let file = File(taking: try open(path, flags: O_RDONLY | O_NONBLOCK), path: shown(path))
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else {
            throw Failure.system("examine", artifact: file.path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.data, "open", file.path, because: "it is not a regular file")
        }
        return file
    }

    /// The names in this folder, in the order of their bytes, without `.` and `..`.
    package func names() throws(Failure) -> [[UInt8]] {
        // The stream takes over the descriptor it reads: it gets one of its own.
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0, let stream = fdopendir(own) else { throw Failure.system("list", artifact: path) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        guard errno == 0 else { throw Failure.system("list", artifact: path) }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// For errors: this folder's path and `name`, without control characters.
    package func shown(_ name: [UInt8]) -> String {
        let text = String(
            decoding: name.prefix(300).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
        return name.isEmpty ? path : "\(path)/\(text)"
    }

    /// The deepest path: trees are no deeper than this, so that whatever goes down one knows how far it is.
    package static let deepest = 512

    /// Why `path` is not a path as this type wants it; `nil` if it is one.
    package static func fault(in path: [UInt8]) -> String? {
        if path.contains(0) { return "its name holds a NUL" }
        if path.first == UInt8(ascii: "/") { return "its name is absolute" }
        let components = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if components.count > deepest { return "it is more than \(deepest) folders deep" }
        for component in components {
            if component.elementsEqual([0x2E, 0x2E]) { return "its name leads out with '..'" }
            if component.isEmpty { return "its name has an empty component" }
            if component.elementsEqual([0x2E]) { return "its name has a component '.'" }
            if component.count > 255 { return "its name has a component of more than 255 bytes" }
        }
        return path.count < 4096 ? nil : "its name has more than 4095 bytes"
    }

    private func open(_ path: [UInt8], flags: Int32) throws(Failure) -> Int32 {
        let all = flags | O_CLOEXEC | O_NOFOLLOW
        if path.isEmpty {
            let descriptor = openat(self.descriptor, ".", all)
            guard descriptor >= 0 else { throw Failure.system("open", artifact: self.path) }
            return descriptor
        }
        if let fault = Self.fault(in: path) { throw Failure(.data, "open", shown(path), because: fault) }
        if !Self.walksByComponent.load(ordering: .relaxed) {
            let resolve =
                UInt64(RESOLVE_BENEATH) | UInt64(RESOLVE_NO_SYMLINKS) | UInt64(RESOLVE_NO_MAGICLINKS)
            let found = withName(path) { sealift_openat2(descriptor, $0, UInt64(UInt32(all)), resolve) }
            if found >= 0 { return found }
            if errno != ENOSYS && errno != EPERM { throw fault("open", name: path) }
            Self.walksByComponent.store(true, ordering: .relaxed)
        }
        return try openByComponent(path, flags: all)
    }

    /// What openat2 does in one call, a component at a time.
    func openByComponent(_ path: [UInt8], flags: Int32) throws(Failure) -> Int32 {
        let components = path.split(separator: UInt8(ascii: "/"))
        var current = descriptor
        defer { if current != descriptor { close(current) } }
        for component in components.dropLast() {
            let next = withName(Array(component)) {
                openat(current, $0, Int32(sealift_o_path) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
            guard next >= 0 else { throw fault("open", name: path) }
            if current != descriptor { close(current) }
            current = next
        }
        let found = withName(Array(components.last!)) { openat(current, $0, flags) }
        guard found >= 0 else { throw fault("open", name: path) }
        return found
    }

    /// The failure of `errno`; a link on the way has a word of its own.
    func fault(_ operation: String, name: [UInt8]) -> Failure {
        let code = errno
        if code == ELOOP || code == EXDEV {
            return Failure(.data, operation, shown(name), because: "a symbolic link is in the way")
        }
        if code == ENAMETOOLONG {
            return Failure(.data, operation, shown(name), because: "the name is too long for the file system")
        }
        return Failure.system(operation, artifact: shown(name), code: code)
    }

    func withName<Result>(_ name: [UInt8], body: (UnsafePointer<CChar>) -> Result) -> Result {
        (name + [0]).withUnsafeBufferPointer { bytes in
            bytes.baseAddress!.withMemoryRebound(to: CChar.self, capacity: bytes.count, body)
        }
    }
}
