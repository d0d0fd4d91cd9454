// SPDX-License-Identifier: Apache-2.0
internal import HTMLPages
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// The page for people: what is in here, who vouches for it, and the commands that fetch it.
struct IndexPage {
    let catalog: Catalog
    /// How the reader reached this server: `host[:port]`.
    let host: String
    let scheme: String

    /// What is served.
    let bundles: [ServedBundle]

    /// The document.
    var html: HTMLPage {
        var text = "<header><h1>\(title.escapedHTML)</h1>\n<p>\(summary)</p></header>\n"
        if !catalog.missing.isEmpty {
            text += "<p class=\"warning\">\(count(catalog.missing.count, of: "blob")) of these images "
            text += catalog.missing.count == 1 ? "is" : "are"
            text += " not in the bundles that are served here. Serve the earlier bundle too.</p>\n"
        }
        for shared in catalog.shared {
            text +=
                "<p class=\"warning\"><code>\(shared.name.escapedHTML)</code> is the name of images from "
            text += (shared.domains.joined(separator: " and ")).escapedHTML
            text += ". Without a domain it means that of \(shared.domains[0].escapedHTML).</p>\n"
        }
        text += bundles.map(section).joined() + images + fileList + settings
        text += "<footer><p><a href=\"/v2/_catalog\">/v2/_catalog</a> · <a href=\"/healthz\">/healthz</a></p>"
        return HTMLPage(title: title, body: text + "</footer>\n")
    }

    private var title: String {
        guard let first = bundles.first else { return "sealift" }
        return bundles.count == 1
            ? first.title : "\(first.title) and \(count(bundles.count - 1, of: "more bundle"))"
    }

    private var summary: String {
        let files = catalog.files.clampedTotal(\.size)
        let all = [
            (catalog.images.count, "image", catalog.total), (catalog.files.count, "file", files),
        ].filter { $0.0 > 0 }.map { "\(count($0.0, of: $0.1)) (\($0.2.asBytes))" }
        return
            "This registry serves \(all.isEmpty ? "nothing" : all.joined(separator: " and ")), straight from "
            + "\(bundles.count > 1 ? "the bundles" : "the bundle"). It is read-only."
    }

    /// What the bundle is, and who vouches for it.
    private func section(_ bundle: ServedBundle) -> String {
        var text = "<section>"
        if bundles.count > 1 {
            text += "<h2>\(bundle.title.escapedHTML)</h2>\n"
        }
        text += "<dl>\n" + HTMLPage.term("Identity", html: "<code>\(bundle.identity)</code>")
        text += HTMLPage.term("Signature", html: bundle.signature.escapedHTML)
        text += HTMLPage.term("Size", html: bundle.size.asBytes)
        for share in bundle.platforms {
            text += HTMLPage.term("\(share.platform)", html: share.size.asBytes)
        }
        return text + "</dl></section>\n"
    }

    private var images: String {
        guard !catalog.images.isEmpty else { return "" }
        let names = Set(catalog.names)
        var text = "<section><h2>Images</h2>\n" + HTMLPage.search(for: "images")
        for image in catalog.images {
            guard let stored = catalog.manifests[image.descriptor.digest] else { continue }
            let reference = image.reference
            // Where two domains share a name, only the full one is certain.
            let shared = names.contains("\(reference.domain)/\(reference.repository)")
            let pull = "\(host)/\(shared ? reference.description : reference.path)"
            text += "<details class=\"item\"><summary><span>\(reference.familiar.escapedHTML)</span>"
            text += "<span class=\"soft\">\(stored.total.asBytes)</span></summary>\n<dl>"
            if !stored.platforms.isEmpty {
                text += HTMLPage.term(
                    "Platforms", html: stored.platforms.map { "\($0)".escapedHTML }.joined(separator: ", "))
            }
            text += HTMLPage.term("From", html: reference.domain.escapedHTML)
            text += HTMLPage.term("Digest", html: "<code>\(image.descriptor.digest)</code>")
            text += "</dl>" + pullCommands(stored, place: pull).map(HTMLPage.copyable).joined()
            text += "</details>\n"
        }
        return text + "</section>\n"
    }

    /// The commands that fetch what `place` points to: docker takes images, helm charts, and oras whatever it is.
    private func pullCommands(_ stored: Catalog.Stored, place: String) -> [String] {
        let isPlain = scheme == "http"
        switch stored.configType {
        case MediaType.helmConfig:
            let parts = place.split(separator: ":")
            let version = (parts.last ?? "").replacing("_", with: "+")
            let chart = "oci://\(parts.dropLast().joined(separator: ":")) --version \(version)"
            return ["helm pull \(chart)" + (isPlain ? " --plain-http" : "")]
        case let type? where ![MediaType.config, MediaType.dockerConfig].contains(type):
            return ["oras pull \(place)" + (isPlain ? " --plain-http" : "")]
        default:
            return [
                "docker pull \(place)", "podman pull \(place)" + (isPlain ? " --tls-verify=false" : ""),
            ]
        }
    }

    /// What the programs that pull are given, ready to be put in place.
    private var settings: String {
        let domains = Set(catalog.images.map(\.reference.domain)).sorted()
        let configuration = ClientConfiguration(
            address: host, tls: scheme == "https", domains: domains, registry: bundles.first?.registry ?? host
        )
        var text = "<section><h2>Client settings</h2>\n"
        for client in [ClientConfiguration.Client.docker, .containerd, .k3s, .podman] {
            text += "<details><summary><span>\(client.rawValue)</span></summary>\n"
            for line in configuration.advice(for: client) { text += "<p>\(line.escapedHTML)</p>\n" }
            text += HTMLPage.copyable(configuration.text(for: client)) + "</details>\n"
        }
        return text + "</section>\n"
    }

    private var fileList: String {
        guard !catalog.files.isEmpty else { return "" }
        var text = "<section><h2>Files</h2>\n"
        for file in catalog.files {
            let path = "/files/" + RequestTarget.encode(file.name)
            text += "<article><h3><a href=\"\(path)\">\(file.name.escapedHTML)</a></h3>\n<dl>"
            text += HTMLPage.term("Size", html: file.size.asBytes)
            text += HTMLPage.term("Digest", html: "<code>\(file.digest)</code>")
            text += "</dl>" + HTMLPage.copyable("curl -fO \(scheme)://\(host)\(path)") + "</article>\n"
        }
        text += "<p>Checksums of all of them: <a href=\"/files/SHA256SUMS\">SHA256SUMS</a>. "
        return text + "Check what you fetched with <code>sha256sum -c SHA256SUMS</code>.</p></section>\n"
    }

    private func count(_ number: Int, of noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}

extension Router {
    /// The page, for a reader who came by `host`.
    func page(_ host: String?) -> Response {
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]".utf8)
        let given = host.flatMap { host in
            (1...255).contains(host.utf8.count) && host.utf8.allSatisfy(letters.contains) ? host : nil
        }
        let page = IndexPage(
            catalog: catalog, host: given ?? "HOST:PORT", scheme: scheme, bundles: bundles
        ).html
        var answer = Response.text(page.document, type: "text/html; charset=utf-8")
        answer.headers.add(name: "Content-Security-Policy", value: page.contentSecurityPolicy)
        return answer
    }
}
