// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI

/// A file of a bundle as an OCI artifact of one layer, which `oras pull` writes under the file's title.
///
/// Source: OCI image specification 1.1, "Guidelines for Artifact Usage". The same file gives the same bytes.
struct FileArtifact {
    let manifest: Manifest
    /// The empty config that the manifest names.
    static let config = Descriptor(mediaType: MediaType.empty, of: Array("{}".utf8))
    static let configBytes = Array("{}".utf8)
    static let type = "application/vnd.sealift.file.v1"

    init(_ file: Lock.File) throws(Failure) {
        struct Document: Encodable {
            var schemaVersion = 2
            var mediaType = MediaType.manifest
            var artifactType = FileArtifact.type
            var config = FileArtifact.config
            var layers: [Descriptor]
        }
        let bytes = try CompactJSON.encode(Document(layers: [file.descriptor]))
        manifest = try Manifest(parsing: bytes, type: MediaType.manifest, artifact: file.title)
    }

    /// `files/TITLE:RELEASE`, what a name cannot hold left out.
    static func reference(_ file: Lock.File, release: String?, in domain: String) -> Reference {
        let name = component(file.title)
        return Reference(
            domain: domain, repository: "files/" + (name.isEmpty ? "file" : name), tag: tag(release))
    }

    /// Lower-case words with the separators that a name allows between them.
    private static func component(_ title: String) -> String {
        var name = ""
        var gap = ""
        for character in title.lowercased() {
            if character.isASCII, character.isLetter || character.isNumber {
                if !name.isEmpty, !gap.isEmpty { name += [".", "_", "__"].contains(gap) ? gap : "-" }
                gap = ""
                name.append(character)
            } else {
                gap.append(character)
            }
        }
        return name
    }

    private static func tag(_ release: String?) -> String {
        let allowed = (release ?? "").map { character in
            character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
                ? character : "-"
        }
        let tag = String(allowed.drop { $0 == "." || $0 == "-" }.prefix(128))
        return tag.isEmpty ? "latest" : tag
    }
}
