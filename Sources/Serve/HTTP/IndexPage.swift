// SPDX-License-Identifier: Apache-2.0
internal import HTMLPages
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// The page for people: what is in here, and the commands that fetch it. Plain HTML, no script.
struct Page {
    let catalog: Catalog
    /// How the reader reached this server: `host[:port]`.
    let host: String
    let scheme: String

    /// The document.
    var html: HTMLPage {
        var text = ""
        let files = catalog.files.clampedTotal(\.size)
        text +=
            "<header><h1>sealift</h1><p>This registry serves bundles: \(count(catalog.images.count, of: "image"))"
        text +=
            " (\(catalog.total.asBytes)) and \(count(catalog.files.count, of: "file")) (\(files.asBytes))."
        text += " It is read-only.</p></header>\n"
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
        text += images + fileList + settings
        text += "<footer><p><a href=\"/v2/_catalog\">/v2/_catalog</a> · <a href=\"/healthz\">/healthz</a></p>"
        return HTMLPage(title: "sealift", body: text + "</footer>\n")
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
                text += term(
                    "Platforms", value: stored.platforms.map { "\($0)".escapedHTML }.joined(separator: ", "))
            }
            text += term("From", value: reference.domain.escapedHTML)
            text += term("Digest", value: "<code>\(image.descriptor.digest)</code>")
            text += "</dl>" + HTMLPage.copyable("docker pull \(pull)") + "</details>\n"
        }
        return text + "</section>\n"
    }

    /// What the programs that pull are told, ready to be put in place.
    private var settings: String {
        let domains = Set(catalog.images.map(\.reference.domain)).sorted()
        let configuration = ClientConfiguration(address: host, tls: scheme == "https", domains: domains)
        var text = "<section><h2>Settings of clients</h2>\n"
        for client in [ClientConfiguration.Client.docker, .containerd, .k3s] {
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
            let path = "/files/" + Target.encode(file.name)
            text += "<article><h3><a href=\"\(path)\">\(file.name.escapedHTML)</a></h3>\n<dl>"
            text +=
                term("Size", value: file.size.asBytes)
                + term("Digest", value: "<code>\(file.digest)</code>")
            text += "</dl>" + HTMLPage.copyable("curl -fO \(scheme)://\(host)\(path)") + "</article>\n"
        }
        text += "<p>Checksums of all of them: <a href=\"/files/SHA256SUMS\">SHA256SUMS</a>. "
        return text + "Check what you fetched with <code>sha256sum -c SHA256SUMS</code>.</p></section>\n"
    }

    private func term(_ name: String, value: String) -> String {
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>"
    }

    private func count(_ number: Int, of noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}

extension Router {
    /// The page, for a reader who came by `host`.
    func page(_ host: String?) -> Answer {
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]".utf8)
        let given = host.flatMap { host in
            (1...255).contains(host.utf8.count) && host.utf8.allSatisfy(letters.contains) ? host : nil
        }
        let page = Page(catalog: catalog, host: given ?? "HOST:PORT", scheme: scheme).html
        var answer = Answer.text(page.document, type: "text/html; charset=utf-8")
        answer.headers.add(name: "Content-Security-Policy", value: page.contentSecurityPolicy)
        return answer
    }
}
