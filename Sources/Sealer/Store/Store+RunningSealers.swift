// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

extension Store {
    /// The processes called `sealer` that have this store: as their own `/var/lib/sealer`, whatever their
    /// root is, or by an open file. sealer itself takes no lock, so this is all that can be known.
    func runningSealers() -> [String] {
        guard let place = Place(path), let processes = try? Folder.open("/proc").names() else { return [] }
        return processes.compactMap { name in
            let process = "/proc/\(String(decoding: name, as: UTF8.self))"
            guard name.allSatisfy({ (0x30...0x39).contains($0) }),
                Self.text("\(process)/comm") == "sealer\n",
                Place("\(process)/root\(Self.standardPath)") == place || holds(process)
            else { return nil }
            let words = (Self.text("\(process)/cmdline") ?? "").split(separator: "\0").prefix(3)
            let shown = words.map { $0.unicodeScalars.filter { $0.value > 0x1F }.map(String.init).joined() }
            return "process \(String(decoding: name, as: UTF8.self)) (\(shown.joined(separator: " ")))"
        }
    }

    /// - Throws: a ``Failure`` of kind `busy` that names a sealer which uses the store.
    func refuseRunningSealers() throws(Failure) {
        let users = runningSealers()
        guard let first = users.first else { return }
        throw Failure(
            .busy, "change the store", path,
            because: "\(first) uses it" + (users.count > 1 ? ", and \(users.count - 1) more" : ""),
            remedy: "wait until sealer has ended, or end it; then run this again")
    }

    /// - Throws: a ``Failure`` of kind `busy` where something is mounted at one of `paths` of the store, below
    ///   it, or made of it: a killed build leaves its overlay.
    func refuseMounts(of paths: [String]) throws(Failure) {
        guard let real = realPath, let table = Self.text("/proc/self/mountinfo") else { return }
        let ends = [" ", "/", ":", ","]
        for line in table.split(separator: "\n") where line.contains(real) {
            for path in paths where path.hasPrefix(self.path + "/") {
                let place = real + path.dropFirst(self.path.count)
                guard ends.contains(where: { line.contains(place + $0) }) else { continue }
                throw Failure(
                    .busy, "remove", path,
                    because: "the mount at \(line.split(separator: " ").dropFirst(4).first ?? "") uses it",
                    remedy: "unmount what a cluster or a killed sealer has there, then run this again")
            }
        }
    }

    private var realPath: String? {
        realpath(path, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
    }

    /// Whether a process has an open file or its working folder in the store.
    private func holds(_ process: String) -> Bool {
        guard let real = realPath, let folder = try? Folder.open("\(process)/fd") else { return false }
        let links = ((try? folder.names()) ?? []).compactMap { try? folder.linkTarget(of: $0) }
        return links.contains { String(decoding: $0, as: UTF8.self).hasPrefix(real + "/") }
    }

    /// The text of a file of /proc, whose size is not known before it is read.
    private static func text(_ path: String) -> String? {
        guard let file = try? File.open(path) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        let count = bytes.withUnsafeMutableBytes { buffer in
            (try? file.read(into: buffer, at: 0)) ?? 0
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// Which folder a path resolves to.
private struct Place: Equatable {
    let device: UInt64
    let inode: UInt64

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}
