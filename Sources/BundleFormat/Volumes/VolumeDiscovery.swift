// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// The files of a bundle at a path, all there and of the right size.
struct VolumeSet {
    /// The path of the file, or the base of the volumes' names.
    let base: String
    let volumes: Volumes
    /// Whether the bundle lies in volumes.
    let isSplit: Bool

    /// Finds and opens the file or the volumes.
    /// - Throws: a `Failure` of kind `input` naming a volume that is missing, of kind `data` naming one
    ///   of another size, one that is there twice, or one too many.
    init(opening path: String) throws(Failure) {
        let stem = path.hasSuffix(".001") ? String(path.dropLast(4)) : path
        let isFile = access(path, F_OK) == 0
        guard isFile || access(Volumes.name(stem, 1), F_OK) == 0 else {
            throw Failure(
                .input, "open the bundle", path, because: "there is neither this file nor \(stem).001",
                remedy: "check the path; of volumes, all must lie in one folder under their names")
        }
        let first = try File.open(isFile ? path : Volumes.name(stem, 1))
        let single = Volumes([first], size: try first.size(), volumeSize: nil)
        guard !isFile || stem != path, let (size, volumeSize) = try Self.split(single) else {
            (base, volumes, isSplit) = (path, single, false)
            return
        }
        base = stem
        volumes = try Self.open(stem, size: size, volumeSize: volumeSize)
        isSplit = true
    }

    /// The sizes that the index in the first volume states; `nil` where it states none. They are held to
    /// the document later; here they tell which files to look for.
    private static func split(_ first: Volumes) throws(Failure) -> (size: Int64, volumeSize: Int64)? {
        let name = first.files[0].path
        var scan = MemberScan(first)
        guard let layout = try scan.next(), layout.name == FormatName.layoutMember,
            let index = try scan.next(), index.name == FormatName.indexMember,
            index.size <= BundleContents.largestIndex
        else { return nil }
        struct Stated: Decodable { var annotations: [String: String]? }
        let bytes = try first.bytes(at: index.offset, count: Int(index.size))
        let stated = (try? JSONDecoder().decode(Stated.self, from: Data(bytes)))?.annotations ?? [:]
        guard let size = stated[FormatName.size].flatMap({ Int64($0) }),
            let volumeSize = stated[FormatName.volumeSize].flatMap({ Int64($0) })
        else { return nil }
        guard (1...Descriptor.largestSize).contains(size), volumeSize > 0,
            (size - 1) / volumeSize < BundlePlan.mostVolumes
        else {
            throw Failure(
                .data, "open the bundle", name, because: "its index states sizes that cannot be",
                remedy: "copy the volume again")
        }
        return (size, volumeSize)
    }

    private static func open(_ base: String, size: Int64, volumeSize: Int64) throws(Failure) -> Volumes {
        let names = Volumes.names(base, size: size, volumeSize: volumeSize)
        let count = names.count
        var files: [File] = []
        var seen: [String: String] = [:]
        for name in names {
            func refuse(_ kind: Failure.Kind, _ reason: String) -> Failure {
                Failure(
                    kind, "open the volume", name.path, because: reason,
                    remedy: "copy volume \(files.count + 1) of \(count) again from where it was made")
            }
            guard access(name.path, F_OK) == 0 else { throw refuse(.input, "it is missing") }
            let file = try File.open(name.path)
            let found = try file.size()
            guard found == name.size else {
                throw refuse(.data, "it has \(found) bytes, and \(name.size) belong to this bundle")
            }
            var status = stat()
            guard fstat(file.descriptor, &status) == 0 else { throw Failure.system("examine", name.path) }
            if let other = seen.updateValue(name.path, forKey: "\(status.st_dev) \(status.st_ino)") {
                throw refuse(.data, "it is the same file as \(other)")
            }
            files.append(file)
        }
        let surplus = Volumes.name(base, count + 1)
        guard access(surplus, F_OK) != 0 else {
            throw Failure(
                .data, "open the volume", surplus, because: "the bundle has \(count) volumes",
                remedy: "it is left of another bundle: move it away")
        }
        return Volumes(files, size: size, volumeSize: volumeSize)
    }
}
