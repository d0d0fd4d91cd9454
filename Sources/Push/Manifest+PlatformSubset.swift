// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension Manifest {
    /// An index as this one, with only the children in `kept`; all that is said of them, and of the whole, stays, byte for
    /// byte. The same choice gives the same bytes. `nil` where nothing would be left out.
    /// - Throws: a ``Failure`` of kind `fault` where the text does not list the children that were read from it.
    func narrowed(to kept: Set<Digest>) throws(Failure) -> Manifest? {
        guard case .index(let children) = content, !children.allSatisfy({ kept.contains($0.digest) }) else {
            return nil
        }
        let artifact = "\(descriptor.digest)"
        guard let root = try? JSONNode(raw, within: JSONBounds(depth: JSONText.deepest)),
            case .object(let members) = root.content,
            let list = members.first(where: { $0.key == "manifests" })?.value,
            case .array(let items) = list.content, items.count == children.count
        else { throw Failure(.fault, "narrow", artifact, because: "it is no index") }
        let entries = zip(items, children).filter { kept.contains($0.1.digest) }.map { raw[$0.0.range] }
        let bytes =
            raw[..<list.range.lowerBound] + Array("[".utf8) + entries.joined(separator: Array(",".utf8))
            + Array("]".utf8) + raw[list.range.upperBound...]
        return try Manifest(parsing: Array(bytes), type: descriptor.mediaType, artifact: artifact)
    }
}
