// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Lock {
    /// The largest lock that is read: 64 MiB, some hundred thousand images.
    static let largestSize = 64 << 20

    /// The lock file's bytes: JSON, keys sorted, indented, with a final newline. Equal locks give equal
    /// bytes.
    package func encoded() throws(Failure) -> [UInt8] { try StrictJSON.pretty(self) }

    /// Reads a lock file; the entries come out sorted whatever their order was.
    /// - Parameter path: names the file in errors.
    /// - Throws: a `Failure` of kind `configuration` with line and key: not JSON, an unknown, missing or
    ///   repeated key, a wrong type, what is not a digest or a reference, a size out of bounds, a
    ///   reference, platform or file that is there twice.
    package static func decode(_ bytes: [UInt8], path: String) throws(Failure) -> Lock {
        let remedy = "take the lock from version control, or make it again with 'sealift lock'"
        let lock = try StrictJSON.decode(
            Lock.self, from: bytes, kind: .configuration, verb: "read the lock", artifact: path,
            remedy: remedy, limit: largestSize)
        if let fault = lock.fault {
            throw Failure(
                .configuration, "read the lock", path, because: fault,
                remedy: remedy)
        }
        return Lock(images: lock.images, files: lock.files, charts: lock.charts ?? [])
    }

    /// What is wrong with the values, in a sentence; `nil` when nothing is.
    var fault: String? {
        guard version == 1 else { return "its version is \(version), and only 1 is known" }
        var references: Set<Reference> = Set(minimumCapacity: images.count)
        for image in images {
            if !references.insert(image.reference).inserted { return "\(image.reference) is there twice" }
            if let fault = image.fault { return "\(image.reference): \(fault)" }
        }
        var names: Set<String> = []
        for file in files {
            if !names.insert(file.title).inserted { return "the file \(file.title) is there twice" }
            if !Self.isSize(file.size) { return "\(file.title): the size \(file.size) is out of bounds" }
            if file.name.isEmpty || file.name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x2F })
            {
                return "a file's name is empty, or holds '/' or control characters"
            }
        }
        names = []
        for chart in charts ?? [] {
            if !names.insert(chart.chart).inserted { return "the chart \(chart.chart) is there twice" }
            if let fault = chart.fault { return "the chart \(chart.chart): \(fault)" }
        }
        return nil
    }

    static func isSize(_ size: Int64) -> Bool { (0...Descriptor.largestSize).contains(size) }
}

extension Lock.Image {
    /// What it answers to: the digest of what the reference resolved to, and of each manifest that is carried of it.
    package var digests: [Digest] { [digest] + platforms.map(\.digest) + (others ?? []).map(\.digest) }

    /// What the reference resolved to.
    package var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: size) }

    fileprivate var fault: String? {
        guard MediaType.accepted.contains(mediaType) else { return "'\(mediaType)' is no image" }
        if platforms.count > 1, Set(platforms.map(\.platform)).count < platforms.count {
            return "a platform is there twice"
        }
        for instance in platforms {
            let type = instance.mediaType
            guard MediaType.accepted.contains(type), !MediaType.indexes.contains(type) else {
                return "'\(type)' is no manifest of \(instance.platform)"
            }
            guard Lock.isSize(instance.size) else { return "the size \(instance.size) is out of bounds" }
        }
        for part in others ?? [] {
            guard MediaType.accepted.contains(part.mediaType) else {
                return "'\(part.mediaType)' is no manifest"
            }
            guard Lock.isSize(part.size) else { return "the size \(part.size) is out of bounds" }
        }
        if others == nil { return Lock.isSize(size) ? nil : "the size \(size) is out of bounds" }
        let all = digests.dropFirst(1 + platforms.count)
        if Set(all).count < all.count || !Set(all).isDisjoint(with: digests.prefix(1 + platforms.count)) {
            return "a manifest is there twice"
        }
        return Lock.isSize(size) ? nil : "the size \(size) is out of bounds"
    }
}

extension Lock.Instance {
    /// The manifest of this platform.
    package var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: size) }
}

extension Lock.File {
    /// The name that tools such as `oras` write it under: `docker`, or `docker-linux-amd64` where the
    /// file depends on the platform. No two files of a lock share it.
    package var title: String {
        let suffix = platform.map { "-" + $0.description.split(separator: "/").joined(separator: "-") }
        return name + (suffix ?? "")
    }

    /// The content, under its ``title``.
    package var descriptor: Descriptor {
        Descriptor(
            mediaType: MediaType.octets, digest: digest, size: size,
            annotations: [FormatName.title: title])
    }
}
