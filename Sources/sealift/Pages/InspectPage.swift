// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import HTMLPages
internal import OCI
internal import SBOM
internal import Spec

/// A bundle as one self-contained page: its bytes as a picture, its artifacts, what apply builds, who signed it.
struct InspectPage {
    private let bundle: Bundle
    private let sizes: BundleSizes
    private let listed: SBOM?

    /// - Parameter listed: its SBOM, where layers have been read.
    init(_ bundle: Bundle, software listed: SBOM? = nil) {
        self.listed = listed
        self.bundle = bundle
        sizes = BundleSizes(of: bundle)
    }

    /// The document.
    var html: String {
        let body =
            header + picture + artifacts + software + plan
            + "<footer><p class=\"soft\">Made by sealift \(Sealift.version).</p></footer>\n"
        return HTMLPage(title: "\(bundle.spec.name), a sealift bundle", body: body, style: Treemap.style)
            .document
    }

    private var header: String {
        let spec = bundle.spec
        var text =
            "<header><h1>\(spec.name.escapedHTML)</h1>\n<p>\(sizes.artifacts.count) artifacts, \(bundle.size.asBytes).</p>\n<dl>\n"
        for share in sizes.platforms { text += HTMLPage.term("\(share.platform)", html: share.size.asBytes) }
        text += HTMLPage.term("Identity", html: "<code>\(bundle.indexDigest)</code>")
        text += HTMLPage.term("Signature", html: signature)
        for signer in bundle.signers {
            text += HTMLPage.term(
                "Signed by", html: "\(signer.name.escapedHTML), key <code>\(signer.fingerprint)</code>")
        }
        if let provenance = ProvenanceFile(beside: bundle) {
            text += HTMLPage.term("Provenance", html: provenance.summary.escapedHTML)
        }
        if sizes.shared > 0 {
            text += HTMLPage.term(
                "Shared",
                html:
                    "\(sizes.shared.asBytes) are in several artifacts and carried once, which saves \(sizes.saved.asBytes)"
            )
        }
        if !bundle.required.isEmpty {
            text += HTMLPage.term(
                "Left out",
                html: "\(bundle.required.count) blobs, \(bundle.required.bytes.asBytes): it is a delta")
        }
        return text + "</dl></header>\n"
    }

    private var signature: String {
        switch SignatureFacts(bundle).state {
        case .verified: "verified when this page was made"
        case .unchecked: "there is one; no trusted key was given to verify it with"
        case .absent: "none"
        }
    }

    /// What only one artifact has, by artifact, and what several have, once.
    private var picture: String {
        var shared: [Digest: Treemap.Part] = [:]
        var groups: [Treemap.Group] = []
        for artifact in sizes.artifacts {
            var parts: [Treemap.Part] = []
            var seen: Set<Digest> = []
            for instance in artifact.platforms {
                for (place, blob) in ([instance.config] + instance.layers).enumerated()
                where seen.insert(blob.digest).inserted {
                    let title =
                        "\(instance.platform), \(place == 0 ? "config" : "layer \(place)") \(blob.digest.short)"
                    if blob.owners == 1 {
                        parts.append(.init(title: title, size: blob.size))
                    } else if shared[blob.digest] == nil {
                        shared[blob.digest] = .init(
                            title: "\(blob.digest.short) in \(blob.owners) artifacts", size: blob.size)
                    }
                }
            }
            if artifact.kind == .file {
                parts = [.init(title: artifact.digest.short, size: artifact.exclusive)]
            }
            groups.append(.init(title: artifact.shortName, kind: artifact.kind.rawValue, parts: parts))
        }
        let common = shared.sorted { $0.key < $1.key }.map(\.value)
        groups.append(.init(title: "shared by several", kind: "shared", parts: common))
        var text = "<section><h2>Where the bytes are</h2>\n" + Treemap(groups).html + "<p class=\"soft\">"
        for (kind, name) in [
            ("base", "base"), ("image", "images"), ("file", "files"), ("shared", "in several, shown once"),
        ]
        where groups.contains(where: { $0.kind == kind && $0.size > 0 }) {
            text += "<span class=\"key \(kind)\"></span>\(name)"
        }
        return text + "</p></section>\n"
    }

    private var artifacts: String {
        var text = "<section><h2>What it carries</h2>\n" + HTMLPage.search(for: "artifacts")
        for artifact in sizes.artifacts {
            text += "<details class=\"item\"><summary><span>\(artifact.shortName.escapedHTML)</span>"
            text +=
                "<span class=\"soft\">\(artifact.kind.rawValue)</span><span class=\"size\">\(artifact.size.asBytes)</span></summary>\n<dl>"
            text += HTMLPage.term("Name", html: artifact.name.escapedHTML)
            text += HTMLPage.term("Digest", html: "<code>\(artifact.digest)</code>")
            text += HTMLPage.term("Only its own", html: artifact.exclusive.asBytes)
            if let url = artifact.url { text += HTMLPage.term("From", html: url.escapedHTML) }
            text += "</dl>\n" + artifact.platforms.map(table).joined() + "</details>\n"
        }
        return text + "</section>\n"
    }

    private func table(_ instance: BundleSizes.Instance) -> String {
        var text =
            "<h3>\(instance.platform), \(instance.size.asBytes)</h3>\n<table><tr><th>layer<th class=\"number\">bytes</tr>\n"
        for layer in instance.layers {
            let notes =
                (layer.owners > 1 ? ", in \(layer.owners) artifacts" : "")
                + (layer.carried ? "" : ", left out")
            text +=
                "<tr><td><code>\(layer.digest)</code><span class=\"soft\">\(notes)</span><td class=\"number\">\(layer.size.asBytes)</tr>\n"
        }
        return text + "</table>\n"
    }

    /// The packages that are installed in the images, and what could not be looked into.
    private var software: String {
        guard let listed else { return "" }
        let all = listed.software
        var text = "<section><h2>What software is in it</h2>\n"
        if !all.isEmpty {
            text +=
                "<table><tr><th>package<th>version<th>license, as its database says<th class=\"number\">images</tr>\n"
        }
        for package in all {
            let images = package.images.joined(separator: ", ").escapedHTML
            text +=
                "<tr class=\"item\"><td>\(package.name.escapedHTML)<td>\(package.version.escapedHTML)<td>\(package.license.escapedHTML)"
            text += "<td class=\"number\" title=\"\(images)\">\(package.images.count)</tr>\n"
        }
        if !all.isEmpty { text += "</table>\n" }
        let notes = Dictionary(grouping: listed.notes, by: \.text).sorted { $0.key < $1.key }
        for (note, images) in notes {
            text +=
                "<details><summary><span>\(note.escapedHTML)</span><span class=\"soft\">\(images.count) \(images.count == 1 ? "image" : "images")</span></summary>\n<ul>"
                + images.map { "<li>\($0.image.escapedHTML)</li>" }.joined() + "</ul></details>\n"
        }
        return text + "</section>\n"
    }

    /// What apply builds, with the ids that it must get.
    private var plan: String {
        guard !bundle.spec.builds.isEmpty else { return "" }
        var text = "<section><h2>What apply builds</h2>\n"
        for build in bundle.spec.builds {
            text += "<h3>\(build.tag.description.escapedHTML)</h3>\n"
            let runs =
                (try? Kubefile(parsing: build.kubefile))?.instructions.count { $0.keyword == .run } ?? 0
            if runs > 0 {
                text +=
                    "<p class=\"warning\">\(runs) RUN: commands that apply executes on the isolated host.</p>\n"
            }
            text += "<ol>" + build.context.map { "<li>\($0.summary.escapedHTML)</li>" }.joined() + "</ol>\n"
            text += HTMLPage.copyable(build.kubefile) + "<dl>"
            for image in bundle.outcome?.images ?? [] where image.name == build.tag {
                let id = image.id.map { "<code>\($0.escapedHTML)</code>, \(image.layers?.count ?? 0) layers" }
                text += HTMLPage.term("\(image.platform)", html: id ?? "its id is known only after an apply")
            }
            text += "</dl>\n"
        }
        return text + "</section>\n"
    }
}

extension BundleSizes.Artifact {
    /// The name as people write it.
    fileprivate var shortName: String { kind == .file ? name : (try? Reference(name).familiar) ?? name }
}
