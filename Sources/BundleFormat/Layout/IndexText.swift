// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The text of a bundle's `index.json`, as ``CompactJSON`` writes it. The images, which may be tens of thousands, are
/// written straight into it: nothing of a name, a digest or a type of a manifest needs an escape.
struct IndexText {
    private(set) var bytes: [UInt8]

    /// Writes `index`, and the images after the manifests that it has.
    init(_ index: ImageIndex, images: [BundleImage], version: Int) throws(Failure) {
        let frame = try StrictJSON.compact(index)
        let end = Array(
            "],\"mediaType\":\"\(index.mediaType)\",\"schemaVersion\":\(index.schemaVersion)}".utf8)
        guard frame.suffix(end.count).elementsEqual(end), !index.manifests.isEmpty else {
            throw Failure(.fault, "lay out", "index.json", because: "it does not end with its manifests")
        }
        bytes = Array(frame.dropLast(end.count))
        bytes.reserveCapacity(bytes.count + images.count * 400)
        for image in images { add(image, version: version) }
        bytes += end
    }

    private mutating func add(_ image: BundleImage, version: Int) {
        let name = "\(image.reference)"
        guard let wrapper = image.wrapper?.descriptor else {
            return add(image.top.descriptor, imageName: name, refName: name)
        }
        add(image.top.descriptor, imageName: name, refName: nil)
        let (domain, repository) = (image.reference.domain, image.reference.repository)
        // containerd imports both: the second under a name that no other has.
        add(
            wrapper, imageName: version >= 2 ? "\(domain)/\(repository)@\(wrapper.digest)" : nil,
            refName: name)
    }

    /// Appends a descriptor with its annotations, at least one of which is given.
    private mutating func add(_ descriptor: Descriptor, imageName: String?, refName: String?) {
        append(",{\"annotations\":{")
        if let imageName { append("\"", FormatName.imageName, "\":\"", imageName, "\"") }
        if imageName != nil, refName != nil { append(",") }
        if let refName { append("\"", FormatName.refName, "\":\"", refName, "\"") }
        append("},\"digest\":\"", "\(descriptor.digest)", "\",\"mediaType\":\"", descriptor.mediaType)
        append("\",\"size\":", String(descriptor.size), "}")
    }

    private mutating func append(_ texts: String...) {
        for text in texts { bytes.append(contentsOf: text.utf8) }
    }
}
