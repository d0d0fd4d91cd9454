// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Spec
import TestSupport
import Testing

@testable import SBOM

/// The document: what it says of images, layers, packages and files, for images of every shape.
@Suite struct DocumentTests {
    @Test(arguments: [
        (
            PackageURL("deb", "debian", name: "curl", version: "7.88.1-10", [:]),
            "pkg:deb/debian/curl@7.88.1-10"
        ),
        (PackageURL("oci", "", name: "a b", version: "", ["tag": ""]), "pkg:oci/a%20b"),
        (
            PackageURL("deb", "de/b n", name: "g++", version: "4:1+2", ["b": "x&y=z", "a": "1/2:3"]),
            "pkg:deb/de/b%20n/g%2B%2B@4%3A1%2B2?a=1/2:3&b=x%26y%3Dz"
        ),
        (PackageURL("apk", "é", name: "\u{1}", version: "~", [:]), "pkg:apk/%C3%A9/%01@~"),
    ]) func packageURLsAreEncoded(_ url: PackageURL, _ text: String) {
        #expect(url.text == text)
    }

    @Test func packageURLsOfManagersHaveTheirQualifiers() {
        let package = InstalledPackage(
            name: "bash", version: "2:5.1-6", architecture: "x86_64", source: "bash")
        var release = OSRelease()
        #expect(
            PackageURL(package, of: .dpkg, in: release).text
                == "pkg:deb/debian/bash@2%3A5.1-6?arch=x86_64&upstream=bash")
        release.id = "rocky"
        release.version = "9.3"
        #expect(
            PackageURL(package, of: .rpm, in: release).text
                == "pkg:rpm/rocky/bash@5.1-6?arch=x86_64&distro=rocky-9.3&epoch=2&upstream=bash")
        release.version = ""
        #expect(
            PackageURL(package, of: .apk, in: release).text
                == "pkg:apk/rocky/bash@2%3A5.1-6?arch=x86_64&distro=rocky&upstream=bash")
    }

    // MARK: layers

    private static func layer(_ files: [(String, String?)]) throws -> LayerContents {
        let tar =
            files.flatMap { name, text -> [UInt8] in
                let content = Array((text ?? "").utf8)
                var header = TarHeader(
                    name: Array(name.utf8), kind: text == nil ? .directory : .file, mode: 0o755)
                header.size = Int64(content.count)
                return header.encoded() + content
                    + [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
            } + TarBlock.end
        return try LayerContents(reading: MemoryStream(tar), scratch: NSTemporaryDirectory())
    }

    private static func dpkg(_ names: String...) -> String {
        names.map { "Package: \($0)\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n" }
            .joined(separator: "\n")
    }

    private static let status = "var/lib/dpkg/status"

    /// Layers from the lowest; the names of the packages that are there in the end.
    @Test(
        arguments: [
            ([[(status, dpkg("a", "b"))]], ["a", "b"]),
            ([[(status, dpkg("a"))], [(status, dpkg("a", "b"))]], ["a", "b"]),
            ([[(status, dpkg("a"))], [("var/lib/dpkg/.wh.status", "")]], []),
            ([[(status, dpkg("a"))], [("var/lib/.wh.dpkg", "")]], []),
            ([[(status, dpkg("a"))], [("var/lib/.wh..wh..opq", "")]], []),
            ([[(status, dpkg("a"))], [(".wh..wh..opq", "")]], []),
            ([[(status, dpkg("a"))], [("./var/lib/dpkg/.wh.status", ""), (status, dpkg("c"))]], ["c"]),
            ([[(status, dpkg("a"))], [(".wh.var", "")], [("var/lib/dpkg/status.d/d", dpkg("d"))]], ["d"]),
            ([[(status, dpkg("a"))], [("var/lib", "")]], []),
            ([[(status, dpkg("a"))], [("var/lib", nil)]], ["a"]),
            ([[(status, dpkg("a"))], [("var/.wh.library", ""), ("home/.wh.var", "")]], ["a"]),
            (
                [[("var/lib/dpkg/status.d/x.md5sums", dpkg("x")), ("var/lib/dpkg/status.d/y", dpkg("y"))]],
                ["y"]
            ),
        ] as [([[(String, String?)]], [String])])
    func theTopmostDatabaseCounts(_ layers: [[(String, String?)]], _ names: [String]) throws {
        let contents = try layers.enumerated().map {
            (Digest(of: [UInt8($0.offset)]), try Self.layer($0.element))
        }
        let image = ImageContents(contents, isImage: true)
        #expect(image.databases.flatMap(\.packages).map(\.name).sorted() == names, "\(layers)")
        #expect(image.notes.isEmpty == !names.isEmpty, "an image without packages says so: \(image.notes)")
    }

    @Test func whatIsNoTarIsNoted() throws {
        let contents = try LayerContents(
            reading: MemoryStream(Array("no tar".utf8)), scratch: NSTemporaryDirectory())
        let image = ImageContents([(Digest(of: [1]), contents)], isImage: true)
        #expect(image.notes.count == 1 && image.notes[0].contains("was not looked into"))
        #expect(ImageContents([], isImage: false).notes.isEmpty, "an artifact needs no packages")
    }

    @Test func theFirstOfTheKnownPlacesNamesTheDistribution() throws {
        let layer = try Self.layer([
            ("usr/lib/os-release", "ID=usr\nVERSION_ID=1\n"),
            ("etc/os-release", "ID=\"etc\"\nVERSION_ID='2'\n"),
        ])
        let release = ImageContents([(Digest(of: [1]), layer)], isImage: true).release
        #expect(release.id == "etc" && release.version == "2")
    }

    // MARK: the whole

    private struct Content: ContentSource {
        var blobs: [Digest: [UInt8]] = [:]
        mutating func add(_ bytes: [UInt8], _ type: String) -> Descriptor {
            let descriptor = Descriptor(mediaType: type, of: bytes)
            blobs[descriptor.digest] = bytes
            return descriptor
        }
        func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
            MemoryStream(blobs[descriptor.digest] ?? [])
        }
    }

    /// A bundle of two images that share a layer, and a file.
    private static func bundle(in folder: String) throws -> BundleFormat.Bundle {
        var content = Content()
        let platform = try Platform("linux/amd64")
        func tar(_ name: String, _ text: String) -> [UInt8] {
            var header = TarHeader(name: Array(name.utf8), mode: 0o644)
            header.size = Int64(text.utf8.count)
            return header.encoded() + Array(text.utf8)
                + [UInt8](repeating: 0, count: TarBlock.padding(after: header.size)) + TarBlock.end
        }
        let shared = content.add(tar(status, dpkg("shared")), "application/vnd.oci.image.layer.v1.tar")
        var images: [BundleImage] = []
        for (name, created) in [("one", "2024-01-02T03:04:05.5Z"), ("two", "2023-01-01T00:00:00Z")] {
            let own = content.add(
                tar("var/lib/dpkg/status.d/\(name)", dpkg(name)), "application/vnd.oci.image.layer.v1.tar")
            let config = content.add(
                Array("{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"\(created)\"}".utf8),
                MediaType.config)
            func json(_ descriptor: Descriptor) throws -> String {
                String(decoding: try JSONEncoder().encode(descriptor), as: UTF8.self)
            }
            let manifest = try Manifest(
                parsing: Array(
                    "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.manifest)\",\"config\":\(try json(config)),\"layers\":[\(try json(shared)),\(try json(own))]}"
                        .utf8), type: MediaType.manifest, artifact: name)
            let locked = Lock.Image(
                reference: try Reference("a.io/x/\(name):1"), descriptor: manifest.descriptor,
                platforms: [.init(platform: platform, descriptor: manifest.descriptor)])
            images.append(try BundleImage(locked, top: manifest, instances: [manifest]))
        }
        let file = content.add(Array("text".utf8), MediaType.octets)
        let lock = Lock(
            images: images.map(\.locked),
            files: [
                .init(
                    name: "notes", platform: nil, url: "https://e.invalid/<n>", digest: file.digest,
                    size: file.size)
            ])
        let plan = try BundlePlan(
            spec: Spec(
                name: "b", release: "v9", platforms: [platform],
                files: ["notes": .init(urls: ["https://e.invalid/<n>"])],
                images: lock.images.map(\.reference)), lock: lock, images: images)
        let writer = try BundleWriter(plan, at: folder + "/b.sealift")
        for blob in writer.pending { try writer.fill(blob, from: content) }
        try writer.finish()
        return try Bundle(opening: folder + "/b.sealift")
    }

    private struct Document: Decodable {
        struct Package: Decodable { var SPDXID: String, name: String, versionInfo: String?, comment: String? }
        struct Relationship: Decodable {
            var spdxElementId: String, relationshipType: String, relatedSpdxElement: String
        }
        struct Creation: Decodable { var created: String, creators: [String] }
        var spdxVersion: String, name: String, documentNamespace: String, creationInfo: Creation
        var packages: [Package], relationships: [Relationship]
    }

    /// Each layer may be within its own bound, and all together beyond what memory is for.
    @Test func textOfAllLayersIsBounded() throws {
        let scratch = try Scratch()
        let bundle = try Self.bundle(in: scratch.path)
        func survey(_ most: Int) throws -> LayerSurvey {
            try LayerSurvey(of: SBOMSubject(bundle), content: bundle, scratch: scratch.path, mostText: most)
        }
        let layers = try survey(DatabaseBound.texts).layers.values
        let (all, largest) = (layers.reduce(0) { $0 + $1.text }, layers.map(\.text).max() ?? 0)
        #expect(largest < all)
        _ = try survey(all)
        let refused = #expect(throws: Failure.self) { try survey(all - 1) }
        #expect(
            refused?.kind == .data && refused?.reason.contains("more than \(all - 1) bytes of text") == true)
    }

    @Test func theDocumentIsWholeAndTheSameAgain() throws {
        let scratch = try Scratch()
        let bundle = try Self.bundle(in: scratch.path)
        func text(_ version: String) throws -> [UInt8] {
            let subject = SBOMSubject(bundle)
            let survey = try LayerSurvey(of: subject, content: bundle, scratch: scratch.path)
            var bytes: [UInt8] = []
            try SBOM(of: subject, survey, content: bundle, version: version).write { bytes += $0 }
            return bytes
        }
        let bytes = try text("1.2")
        #expect(try text("1.2") == bytes)
        #expect(try text("1.3") != bytes)
        let document = try JSONDecoder().decode(Document.self, from: Data(bytes))
        #expect(document.spdxVersion == "SPDX-2.3" && document.name == "b")
        #expect(document.creationInfo.created == "2024-01-02T03:04:05Z", "the newest image")
        #expect(document.creationInfo.creators == ["Tool: sealift-1.2"])
        let ids = document.packages.map(\.SPDXID)
        #expect(ids.count == Set(ids).count)
        let known = Set(ids + ["SPDXRef-DOCUMENT"])
        for relation in document.relationships {
            #expect(
                known.contains(relation.spdxElementId) && known.contains(relation.relatedSpdxElement),
                "\(relation)")
        }
        let related = Set(document.relationships.map(\.relatedSpdxElement))
        #expect(ids.allSatisfy(related.contains), "each element is that of another")
        let names = document.packages.map(\.name)
        #expect(names.count { $0 == "shared" } == 1, "what a shared layer has installed is one element")
        for name in ["one", "two", "notes", "a.io/x/one:1", "a.io/x/two:1"] {
            #expect(names.contains(name), "\(name)")
        }
        let software = try SBOM(
            of: SBOMSubject(bundle),
            LayerSurvey(of: SBOMSubject(bundle), content: bundle, scratch: scratch.path),
            content: bundle, version: "1"
        ).software
        #expect(software.map(\.name) == ["one", "shared", "two"])
        #expect(software[1].images == ["a.io/x/one:1 (linux/amd64)", "a.io/x/two:1 (linux/amd64)"])
    }
}
