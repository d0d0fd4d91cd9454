// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI
internal import Sealer

/// The folder in which the real sealer works: a store of its own, and the files that take the place of the host's.
struct SealerSandbox: Sendable {
    /// The empty folder below the store's staging.
    let folder: String
    /// The store that has the base.
    let store: Store

    /// Where sealer finds itself, what it runs, and the context.
    static let bin = "/tmp/bin"
    static let program = "/tmp/bin/sealer"
    static let context = "/tmp/context"

    /// What sealer takes for its store.
    var own: Store { get throws(Failure) { try Store(at: "\(folder)/store") } }
    var hosts: String { "\(folder)/hosts" }

    /// Makes a store in which `base` is listed, its layers still empty places.
    func prepare(base: SealerImage, platform: Platform) throws(Failure) {
        let own = try own
        for name in ["data/overlay2", "metadata/layerdb/sha256", "metadata/imagedb", "tmp", "log"] {
            try makeFolders("\(own.path)/\(name)")
        }
        for id in base.layerIDs {
            try makeFolders(own.layerFolder(id))
            try makeFolders(own.layerDatabase(id))
        }
        var list = ImageList()
        if !base.name.isEmpty {
            try AtomicWrite.write(base.storeYAML, to: own.imageFile(base.id))
            list.set(
                StoredImage(
                    name: base.name, id: base.id, created: "1970-01-01T00:00:00Z", size: 0,
                    platform: base.platform))
        }
        try AtomicWrite.write(list.bytes, to: own.listFile)
    }

    /// Puts everything where sealer looks for it, in the namespaces of this thread; all else becomes read only.
    func mount(
        _ layers: [Digest], program: String, context: String, isolation: Namespaces
    ) throws(Failure) {
        let own = try own
        let bind = UInt(sealift_mount_bind)
        for id in Set(layers) {
            try isolation.mount(store.layerFolder(id), on: own.layerFolder(id), flags: bind)
            try isolation.mount(store.layerDatabase(id), on: own.layerDatabase(id), flags: bind)
        }
        // Store, context and program may be below the folders that are hidden now: they are held open.
        let folders = (store: try Folder.open(own.path), context: try Folder.open(context))
        let files = (program: try File.open(program), hosts: try File.open(hosts))
        defer { withExtendedLifetime((folders, files)) {} }
        let sources = [
            (folders.store.descriptor, "/var/lib/sealer", true),
            (folders.context.descriptor, Self.context, true),
            (files.program.descriptor, Self.program, false), (files.hosts.descriptor, "/etc/hosts", false),
        ]
        for folder in ["/tmp", "/var/lib"] {
            try isolation.mount("tmpfs", on: folder, type: "tmpfs", options: "mode=1777")
        }
        for folder in [Self.bin, "/tmp/home"] { try makeFolders(folder) }
        try AtomicWrite.write([], to: Self.program, mode: 0o755)
        // The kernel has overlayfs, or the mount of one would fail; sealer asks a program that many hosts lack.
        try AtomicWrite.write(Array("#!/bin/sh\nexit 0\n".utf8), to: "\(Self.bin)/modprobe", mode: 0o755)
        for (source, target, isFolder) in sources {
            if isFolder { try makeFolders(target) }
            try isolation.mount("/proc/self/fd/\(source)", on: target, flags: bind)
        }
        guard try isolation.protect(except: ["/tmp", "/var/lib/sealer"]) else {
            throw Failure(
                .configuration, isolation.operation, isolation.artifact,
                because: "this kernel is older than 5.12 and cannot protect the host's files from it",
                remedy: "use the native builder, or a newer kernel")
        }
    }
}
