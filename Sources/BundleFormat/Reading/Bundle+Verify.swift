// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Synchronization

extension Bundle {
    /// A blob whose bytes are not those of its digest.
    package struct Damage: Sendable {
        /// The digest and size that it should have.
        package let descriptor: Descriptor
        /// What it belongs to: a reference, or the title of a file.
        package let owner: String
        /// The files that its bytes are in.
        package let files: [String]
        /// What was found, and what to do.
        package let failure: Failure
    }

    /// Reads every blob, its header and its padding, and compares them with its digest and with the layout; the rest of the
    /// tar was verified when it was opened.
    /// What a delta leaves out is read from the overlay that has it, and passed over where none has.
    ///
    /// What is long is read past the system's cache, so that it is the medium's. Blocking.
    /// - Parameters:
    ///   - jobs: how many blobs at once; 0 means one a processor.
    ///   - progress: given the bytes read so far, from any thread.
    /// - Returns: the damaged blobs in the order of their places; none when nothing is damaged.
    package func verify(jobs: Int = 0, progress: @Sendable (Int64) -> Void = { _ in }) -> [Damage] {
        let read = Mutex<Int64>(0)
        // The largest first, so that no core is left with one of them at the end.
        let items = readable
        let order = items.indices.sorted { items[$0].descriptor.size > items[$1].descriptor.size }
        let damages = onAllCores(order, width: jobs > 0 ? jobs : processorCount) { index in
            let failure = examine(items[index]) { count in
                progress(
                    read.withLock { read in
                        read += Int64(count)
                        return read
                    })
            }
            return failure.map { (index: index, damage: damage(of: items[index], $0)) }
        }
        return damages.compactMap(\.self).sorted { $0.index < $1.index }.map(\.damage)
    }

    /// Drops what the system keeps of the bundle's files in memory, so that the next reads come from the medium:
    /// what was written a moment ago says nothing of what will be on it elsewhere.
    /// - Returns: whether the system took all of it; pages that others have locked or mapped stay.
    package func dropCachedPages() -> Bool {
        volumes.dropCachedPages()
    }

    /// A blob or a tool, and where it is read.
    struct Readable {
        let item: BundlePlan.Item
        let tool: CarriedTool?
        var descriptor: Descriptor { item.descriptor }

        init(item: BundlePlan.Item) { (self.item, tool) = (item, nil) }
        init(_ tool: CarriedTool) {
            (item, self.tool) = (.init(descriptor: tool.descriptor, owner: tool.owner), tool)
        }
    }

    /// The tools, and all blobs that are in the bundle or in an overlay.
    private var readable: [Readable] {
        tools.map { Readable($0) }
            + items.filter { contains($0.descriptor.digest) }.map { Readable(item: $0) }
    }

    /// The tools and blobs that are in this very bundle, and where.
    var ownParts: [(place: MemberPlace, part: Readable)] {
        let places = places.places
        return tools.compactMap { tool in place(of: tool).map { ($0, Readable(tool)) } }
            + blobs.compactMap { blob in
                places[blob.descriptor.digest].map { ($0, Readable(item: blob.item)) }
            }
    }

    func stream(of part: Readable, fromMedium: Bool = false) throws(Failure) -> any ByteStream {
        if let tool = part.tool, let stream = open(tool, fromMedium: fromMedium) { return stream }
        return try open(part.descriptor, fromMedium: fromMedium)
    }

    private func examine(_ part: Readable, progress: (Int) -> Void) -> Failure? {
        do throws(Failure) {
            try checkFrame(of: part)
            var stream = try stream(of: part, fromMedium: true)
            try stream.forEachChunk { (bytes) throws(Failure) in progress(bytes.count) }
            return nil
        } catch {
            return error
        }
    }

    /// Checks the header and the padding of `part`.
    func checkFrame(of part: Readable) throws(Failure) {
        if let tool = part.tool {
            try checkFrame(of: tool)
        } else {
            try checkFrame(of: part.descriptor.digest)
        }
    }

    /// What `failure`, met while `part` was read, means: whose bytes they are and which files to copy again.
    func damage(of part: Readable, _ failure: Failure) -> Damage {
        let blob = part.item
        let own = part.tool.map { regions(of: $0) }
        let files = (own ?? regions(of: blob.descriptor.digest) ?? []).map(\.file.path)
        var failure = failure
        failure.artifact = "\(blob.descriptor.digest) of \(blob.owner)"
        if failure.kind == .data {
            failure.remedy = "copy \(files.joined(separator: ", ")) again from where it was made"
        }
        return Damage(descriptor: blob.descriptor, owner: blob.owner, files: files, failure: failure)
    }
}
