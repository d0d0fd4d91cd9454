// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension Lock.Image {
    /// Reads an image as a bundle document has it: see ``BundleDocument``.
    init(_ text: inout CompactReader) throws(CompactReader.OtherForm) {
        try text.take("{\"digest\":")
        digest = try text.digest()
        if text.takes(",\"from\":") {
            from = try text.list { (text) throws(CompactReader.OtherForm) in try text.string() }
        }
        try text.take(",\"mediaType\":")
        mediaType = MediaType.shared(try text.string())
        if text.takes(",\"others\":") { others = try text.list(Lock.Part.init) }
        try text.take(",\"platforms\":")
        platforms = try text.list(Lock.Instance.init)
        try text.take(",\"reference\":")
        reference = try text.reference()
        try text.take(",\"size\":")
        size = try text.size()
        try text.take("}")
    }
}

extension Lock.Instance {
    fileprivate init(_ text: inout CompactReader) throws(CompactReader.OtherForm) {
        (digest, mediaType) = try text.beginManifest()
        try text.take(",\"platform\":")
        let name = try text.string()
        guard let found = try? Platform(name), found.description == name else {
            throw CompactReader.OtherForm()
        }
        platform = found
        try text.take(",\"size\":")
        size = try text.size()
        try text.take("}")
    }
}

extension Lock.Part {
    fileprivate init(_ text: inout CompactReader) throws(CompactReader.OtherForm) {
        (digest, mediaType) = try text.beginManifest()
        try text.take(",\"size\":")
        size = try text.size()
        try text.take("}")
    }
}

extension CompactReader {
    /// The keys that a manifest of a lock begins with.
    fileprivate mutating func beginManifest() throws(OtherForm) -> (digest: Digest, mediaType: String) {
        try take("{\"digest\":")
        let digest = try digest()
        try take(",\"mediaType\":")
        return (digest, MediaType.shared(try string()))
    }
}
