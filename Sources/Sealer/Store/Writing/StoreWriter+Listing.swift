// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

extension StoreWriter {
    /// Puts `layers` into the store and lists `image`, under its name and for its platform; in the place of
    /// the image that was listed so before, whose YAML stays, as with sealer.
    ///
    /// After return all of it is on the medium. The id is computed; one that the image states must be equal.
    /// - Parameter created: seconds since 1970 for the list; `nil` for now. Not part of any id.
    /// - Returns: the image with its id, and what the list says of it.
    /// - Throws: a ``Failure`` of kind `data` where a layer of the image is neither in the store nor given, where
    ///   the image states another id than the one of its content, or the store has other content under that id; then
    ///   nothing is listed.
    @discardableResult
    package func register(
        _ image: SealerImage, with layers: [StagedLayer] = [], created: Int64? = nil
    ) throws(Failure) -> (image: SealerImage, entry: StoredImage) {
        let stated = image.id
        let image = image.identified()
        guard stated.isEmpty || stated == image.id else {
            throw Failure(
                .data, "register the image", image.name,
                because: "it states the id \(stated), and its content has the id \(image.id)",
                remedy: "do not trust where it came from: an id follows from the content")
        }
        try place(layers)
        var size: Int64 = 0
        for id in image.layerIDs {
            guard store.hasLayer(id) else {
                throw Failure(
                    .data, "register the image", image.name, because: "the store lacks its layer \(id)",
                    remedy: "import all layers of the image first")
            }
            size += try Folder.open(store.layerFolder(id)).sizeOfFiles()
        }
        try placeFile(of: image)
        let entry = StoredImage(
            name: image.name, id: image.id, created: timestamp(created), size: size,
            platform: image.platform)
        let listed = try store.list().images
        let old = listed.first { $0.name == entry.name && $0.platform.value == entry.platform.value }
        try changeList(noting: [(entry, old)]) { $0.set(entry) }
        return (image, entry)
    }

    /// Puts the file of `image` into the database, where it is not there yet.
    /// - Throws: a ``Failure`` of kind `data` where another content is there under its id.
    private func placeFile(of image: SealerImage) throws(Failure) {
        let file = store.imageFile(image.id)
        if access(file, F_OK) == 0 {
            guard try File.open(file).bytes(limit: SealerImage.largestSize) == image.storeYAML else {
                throw Failure(
                    .data, "register the image", image.name,
                    because: "the store has another content under its id \(image.id)",
                    remedy: "run `sealift store check`, then `sealift store repair`")
            }
            return
        }
        try put(image.storeYAML, at: file)
        changes.withLock { $0.steps.append(.placed(file)) }
    }

    /// Gives staged layers their place, unless the store has them already. What an interrupted sealer left
    /// at that place, files without an entry or an entry without files, is replaced.
    func place(_ layers: [StagedLayer]) throws(Failure) {
        let missing = layers.filter { !store.hasLayer($0.id) }
        if !missing.isEmpty {
            // A rename may reach the medium before the files do: these first, all at once.
            try flush()
        }
        for layer in missing where !store.hasLayer(layer.id) {
            try takeAway([store.layerDatabase(layer.id), store.layerFolder(layer.id)])
            try putInPlace(layer.files, at: store.layerFolder(layer.id))
            try putInPlace(layer.database, at: store.layerDatabase(layer.id))
        }
        for folder in Set(layers.map(\.folder)) { try discard(folder) }
    }

    /// RFC 3339 in UTC, nanoseconds without their trailing zeros, as Go prints a time.
    private func timestamp(_ created: Int64?) -> String {
        var now = timespec()
        if let created { now.tv_sec = Int(created) } else { clock_gettime(CLOCK_REALTIME, &now) }
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ value: Int, to width: Int) -> String {
            let digits = "\(value)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [(Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2)]
        let time = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        var fraction = now.tv_nsec == 0 ? "" : "." + padded(now.tv_nsec, to: 9)
        while fraction.last == "0" { fraction.removeLast() }
        return date.map { padded($0.0, to: $0.1) }.joined(separator: "-") + "T"
            + time.map { padded($0, to: 2) }.joined(separator: ":") + fraction + "Z"
    }
}
