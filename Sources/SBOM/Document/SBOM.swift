// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
package import OCI

/// The software bill of materials of a bundle: an SPDX 2.3 document in JSON.
///
/// It follows from the bundle's content and sealift's version: made again, anywhere, it has the same bytes.
package struct SBOM: Sendable {
    private let subject: SBOMSubject
    private let survey: LayerSurvey
    private let version: String
    private let created: String
    private var carried: [Carried] = []
    private var numbers: [Installed: Int] = [:]

    /// A manifest, once, with the first image that has it.
    private struct Carried {
        let manifest: Manifest
        let image: BundleImage
        let contents: ImageContents

        /// The reference with the platform, or with the type of what has none.
        var title: String {
            let instance = image.locked.platforms.first { $0.digest == manifest.descriptor.digest }
            let type = manifest.artifactType ?? manifest.config?.mediaType ?? ""
            return "\(image.reference) (\(instance.map { "\($0.platform)" } ?? type.escapedForDisplay))"
        }
    }

    /// A database as an image of one distribution has it; its packages are elements once.
    private struct Installed: Hashable {
        let database: ImageContents.Database
        let release: OSRelease
    }

    /// Prepares the SBOM of `subject`.
    /// - Parameters:
    ///   - survey: its layers.
    ///   - content: where configs are read from.
    ///   - version: of sealift.
    /// - Throws: a ``Failure`` where a config cannot be read.
    package init(
        of subject: SBOMSubject, _ survey: LayerSurvey, content: any ContentSource, version: String
    ) throws(Failure) {
        self.subject = subject
        self.survey = survey
        self.version = version
        created = try CreationTime.newest(of: subject.images, content: content)
        var (seen, next): (Set<Digest>, Int) = ([], 1)
        for image in subject.images {
            for manifest in image.manifests where manifest.config != nil {
                guard seen.insert(manifest.descriptor.digest).inserted else { continue }
                let isInstance = image.instances.contains {
                    $0.descriptor.digest == manifest.descriptor.digest
                }
                let layers = isInstance ? manifest.layers : []
                let merged = ImageContents(
                    layers.compactMap { layer in
                        survey.layers[layer.digest].map { (layer.digest, $0) }
                    }, isImage: isInstance)
                carried.append(Carried(manifest: manifest, image: image, contents: merged))
                for found in merged.databases {
                    let key = Installed(database: found.place, release: merged.release)
                    guard numbers[key] == nil else { continue }
                    numbers[key] = next
                    next += found.packages.count
                }
            }
        }
    }

    /// Writes the document, a piece at a time.
    /// - Throws: what `write` throws.
    package func write(to write: @escaping ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        var writer = try SPDXWriter(document(), to: write)
        try addCarried(to: &writer)
        try addInstalled(to: &writer)
        writer.beginRelationships()
        try relate(in: &writer)
        try writer.finish()
    }

    /// A package with the images that have it installed.
    package struct Software: Sendable {
        /// Its name in its database.
        package let name: String
        /// Its whole version.
        package let version: String
        /// What its database says of the license; empty where it says nothing.
        package let license: String
        /// The images by name and platform, in their order.
        package fileprivate(set) var images: [String]
    }

    /// The installed packages, each name and version once, by name; what could not be looked into is said by ``notes``.
    package var software: [Software] {
        var found: [[String]: Software] = [:]
        for part in carried {
            for package in part.contents.databases.flatMap(\.packages) {
                let key = [package.name, package.version, package.license]
                found[
                    key,
                    default: Software(
                        name: package.name, version: package.version, license: package.license, images: [])
                ].images.append(part.title)
            }
        }
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// What could not be looked into, each with the image that it is of.
    package var notes: [(image: String, text: String)] {
        carried.flatMap { part in part.contents.notes.map { (part.title, $0) } }
    }

    private func document() throws(Failure) -> SPDX.Document {
        let digest = Digest(of: try subject.identity())
        return SPDX.Document(
            name: subject.name,
            documentNamespace:
                "https://spdx.org/spdxdocs/sealift-\(version)-\(subject.name)-\(digest.hex)",
            creationInfo: .init(
                created: created, creators: ["Tool: sealift-\(version)"],
                comment:
                    "The time is that of the newest image, so that the same content gives the same document."),
            comment:
                "What a sealift bundle carries. Packages are read from the databases of dpkg, apk and rpm in the layers of images; nothing was executed. Software that no package manager has installed is not listed."
        )
    }

    // MARK: elements

    private func addCarried(to writer: inout SPDXWriter) throws(Failure) {
        try writer.add(
            .init(
                SPDXID: ID.bundle, name: subject.name, versionInfo: subject.release,
                primaryPackagePurpose: .archive))
        for tool in subject.tools {
            try writer.add(
                .init(
                    SPDXID: ID.tool(tool.name), name: tool.name, versionInfo: tool.version,
                    primaryPackagePurpose: .application, checksums: [.init(tool.digest)],
                    comment: "the program sealift for \(tool.platform)"))
        }
        for (number, file) in subject.lock.files.enumerated() {
            try writer.add(
                .init(
                    SPDXID: ID.file(number), name: file.name,
                    downloadLocation: file.url.contains("://") ? file.url.escapedForDisplay : SPDX.none,
                    primaryPackagePurpose: .file, checksums: [.init(file.digest)],
                    comment: note(file.digest, file.platform.map { "for \($0)" })))
        }
        for (number, image) in subject.images.enumerated() {
            let (reference, digest) = (image.reference, image.locked.digest)
            try writer.add(
                .init(
                    SPDXID: ID.image(number), name: "\(reference)", versionInfo: reference.tag ?? "\(digest)",
                    primaryPackagePurpose: .container, checksums: [.init(digest)],
                    externalRefs: [
                        .init(referenceLocator: PackageURL(image: reference, digest: digest).text)
                    ],
                    comment: reference == subject.base ? "the base of the bundle's builds" : nil))
        }
        for part in carried { try add(part, to: &writer) }
        for layer in layers {
            try writer.add(
                .init(
                    SPDXID: ID.of("Layer", layer.digest), name: "\(layer.digest)",
                    primaryPackagePurpose: .archive, checksums: [.init(layer.digest)],
                    comment: note(layer.digest, layer.mediaType.escapedForDisplay)))
        }
    }

    private func add(_ part: Carried, to writer: inout SPDXWriter) throws(Failure) {
        let (manifest, contents) = (part.manifest, part.contents)
        let digest = manifest.descriptor.digest
        let instance = part.image.locked.platforms.first { $0.digest == digest }
        let system = [contents.release.id, contents.release.version].filter { !$0.isEmpty }
        let notes =
            (system.isEmpty ? [] : ["Its distribution is \(system.joined(separator: " "))."]) + contents.notes
        try writer.add(
            .init(
                SPDXID: ID.of("Manifest", digest),
                name: part.title,
                versionInfo: "\(digest)",
                primaryPackagePurpose: instance == nil ? .other : .container, checksums: [.init(digest)],
                comment: notes.isEmpty ? nil : notes.joined(separator: " ")))
    }

    private func addInstalled(to writer: inout SPDXWriter) throws(Failure) {
        var seen: Set<Installed> = []
        for contents in carried.map(\.contents) {
            for (place, manager, packages) in contents.databases {
                let key = Installed(database: place, release: contents.release)
                guard let first = numbers[key], seen.insert(key).inserted else { continue }
                for (offset, package) in packages.enumerated() {
                    try writer.add(
                        .init(
                            SPDXID: ID.package(first + offset), name: package.name,
                            versionInfo: package.version,
                            licenseComments: package.license.isEmpty
                                ? nil : "the package database says: \(package.license)",
                            primaryPackagePurpose: .library,
                            externalRefs: [
                                .init(
                                    referenceLocator: PackageURL(package, of: manager, in: contents.release)
                                        .text)
                            ],
                            sourceInfo: "installed, as \(place.path) in the layer \(place.layer) says"))
                }
            }
        }
    }

    // MARK: relationships

    private func relate(in writer: inout SPDXWriter) throws(Failure) {
        try writer.relate("SPDXRef-DOCUMENT", "DESCRIBES", ID.bundle)
        for tool in subject.tools { try writer.relate(ID.bundle, "CONTAINS", ID.tool(tool.name)) }
        for number in subject.lock.files.indices { try writer.relate(ID.bundle, "CONTAINS", ID.file(number)) }
        for (number, image) in subject.images.enumerated() {
            try writer.relate(ID.bundle, "CONTAINS", ID.image(number))
            for manifest in image.manifests where manifest.config != nil {
                try writer.relate(ID.image(number), "CONTAINS", ID.of("Manifest", manifest.descriptor.digest))
            }
        }
        for part in carried {
            let (manifest, contents) = (part.manifest, part.contents)
            let own = ID.of("Manifest", manifest.descriptor.digest)
            var seen: Set<Digest> = []
            for layer in manifest.layers where seen.insert(layer.digest).inserted {
                try writer.relate(own, "CONTAINS", ID.of("Layer", layer.digest))
            }
            for found in contents.databases {
                guard let first = numbers[Installed(database: found.place, release: contents.release)] else {
                    continue
                }
                for offset in found.packages.indices {
                    try writer.relate(own, "CONTAINS", ID.package(first + offset))
                }
            }
        }
    }

    /// All layers, each once, in order of first use.
    private var layers: [Descriptor] {
        var seen: Set<Digest> = []
        return carried.flatMap(\.manifest.layers).filter { seen.insert($0.digest).inserted }
    }

    private func note(_ digest: Digest, _ text: String?) -> String? {
        let gone =
            subject.leftOut.contains(digest)
            ? "left out of the bundle, which is a delta: the isolated host has it" : nil
        let parts = [text, gone].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// The identifiers of elements.
    private enum ID {
        static let bundle = "SPDXRef-Bundle"
        static func tool(_ name: String) -> String { "SPDXRef-Tool-\(name.replacing("_", with: "."))" }
        static func file(_ number: Int) -> String { "SPDXRef-File-\(number + 1)" }
        static func image(_ number: Int) -> String { "SPDXRef-Image-\(number + 1)" }
        static func package(_ number: Int) -> String { "SPDXRef-Package-\(number)" }
        static func of(_ kind: String, _ digest: Digest) -> String {
            "SPDXRef-\(kind)-\(digest.algorithm.rawValue)-\(digest.hex)"
        }
    }
}

extension SPDX.Package.Checksum {
    fileprivate init(_ digest: Digest) {
        self.init(algorithm: digest.algorithm.rawValue.uppercased(), checksumValue: digest.hex)
    }
}
