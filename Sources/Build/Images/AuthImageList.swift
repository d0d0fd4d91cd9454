// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// `imageListWithAuth.yaml` at the root of a context: images of private registries, with the passwords by which
/// sealer pulls them. Here they come out of the bundle, so only their names are read; the file itself
/// never becomes part of a layer, and nothing of it is repeated in an error.
///
/// Source: sealer 0.8.6, `build/buildimage/middleware.go`.
struct AuthImageList {
    /// The file's name, by which sealer finds it.
    static let name = Array("imageListWithAuth.yaml".utf8)
    private static let largest = 16 << 20

    /// The images that it names; none where there is no such file.
    let mentions: [BuildImageScan.Mention]

    /// Reads the file in `context`.
    /// - Throws: a ``Failure`` of kind `configuration` where it is not a list of sections with `images`.
    init(in context: FileNode) throws(Failure) {
        guard let file = context.children[Self.name], file.isFile else {
            mentions = []
            return
        }
        let path = String(decoding: Self.name, as: UTF8.self)
        let refusal = Failure(
            .configuration, "read", path, because: "it is not a list of sections with registry and images",
            remedy: "write it as sealer reads it, or list its images in manifests/imageList")
        let tree: Tree
        do throws(Failure) {
            tree = try Tree(yaml: file.bytes(limit: Self.largest, artifact: path), artifact: path)
        } catch {
            // The parser's own words may hold a piece of the file.
            throw refusal
        }
        guard case .array(let sections) = tree else { throw refusal }
        var found: [BuildImageScan.Mention] = []
        for (number, section) in sections.enumerated() {
            guard case .object = section else { throw refusal }
            let registry = section["registry"]?.string ?? ""
            for element in section["images"]?.elements ?? [] {
                guard let image = element.string else { throw refusal }
                let first = image.split(separator: "/", omittingEmptySubsequences: false).first ?? ""
                let hasDomain =
                    image.contains("/") && (first.contains { ".:".contains($0) } || first == "localhost")
                let text = hasDomain || registry.isEmpty ? image : "\(registry)/\(image)"
                found.append(.init(text: text, file: "section \(number + 1) of \(path)", line: 0))
            }
        }
        mentions = found
    }
}
