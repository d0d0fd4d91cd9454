// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// The page for people: what is in here, and the commands that fetch it. Plain HTML, no script.
struct Page {
    let catalog: Catalog
    /// How the reader reached this server: `host[:port]`.
    let host: String
    let scheme: String

    /// The whole document.
    var html: String {
        var text = Self.head
        let files = catalog.files.clampedTotal(\.size)
        text +=
            "<header><h1>sealift</h1><p>This registry serves bundles: \(count(catalog.images.count, "image"))"
        text +=
            " (\(Self.size(catalog.total))) and \(count(catalog.files.count, "file")) (\(Self.size(files)))."
        text += " It is read-only.</p></header>\n"
        if !catalog.missing.isEmpty {
            text += "<p class=\"warning\">\(count(catalog.missing.count, "blob")) of these images "
            text += catalog.missing.count == 1 ? "is" : "are"
            text += " not in the bundles that are served here. Serve the earlier bundle too.</p>\n"
        }
        for shared in catalog.shared {
            text +=
                "<p class=\"warning\"><code>\(Self.escape(shared.name))</code> is the name of images from "
            text += Self.escape(shared.domains.joined(separator: " and "))
            text += ". Without a domain it means that of \(Self.escape(shared.domains[0])).</p>\n"
        }
        text += images + fileList
        text += "<footer><p><a href=\"/v2/_catalog\">/v2/_catalog</a> · <a href=\"/healthz\">/healthz</a></p>"
        text += "</footer>\n</main>\n</body>\n</html>\n"
        return text
    }

    private var images: String {
        guard !catalog.images.isEmpty else { return "" }
        let names = Set(catalog.names)
        var text = "<section><h2>Images</h2>\n"
        for image in catalog.images {
            guard let stored = catalog.manifests[image.descriptor.digest] else { continue }
            let reference = image.reference
            // Where two domains share a name, only the full one is certain.
            let shared = names.contains("\(reference.domain)/\(reference.repository)")
            let pull = "\(host)/\(shared ? reference.description : reference.path)"
            text += "<article><h3>\(Self.escape(reference.familiar))</h3>\n<dl>"
            text += term("Size", Self.size(stored.total))
            if !stored.platforms.isEmpty {
                text += term(
                    "Platforms", stored.platforms.map { Self.escape("\($0)") }.joined(separator: ", "))
            }
            text += term("From", Self.escape(reference.domain))
            text += term("Digest", "<code>\(image.descriptor.digest)</code>")
            text += "</dl><pre>docker pull \(Self.escape(pull))</pre></article>\n"
        }
        return text + "</section>\n"
    }

    private var fileList: String {
        guard !catalog.files.isEmpty else { return "" }
        var text = "<section><h2>Files</h2>\n"
        for file in catalog.files {
            let path = "/files/" + Target.encode(file.name)
            text += "<article><h3><a href=\"\(path)\">\(Self.escape(file.name))</a></h3>\n<dl>"
            text += term("Size", Self.size(file.size)) + term("Digest", "<code>\(file.digest)</code>")
            text += "</dl><pre>curl -fO \(scheme)://\(Self.escape(host))\(path)</pre></article>\n"
        }
        text += "<p>Checksums of all of them: <a href=\"/files/SHA256SUMS\">SHA256SUMS</a>. "
        return text + "Check what you fetched with <code>sha256sum -c SHA256SUMS</code>.</p></section>\n"
    }

    private func term(_ name: String, _ value: String) -> String {
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>"
    }

    private func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Bytes as people read them: `1.5 GB`, in powers of 1000.
    static func size(_ bytes: Int64) -> String {
        if bytes < 1000 { return "\(bytes) B" }
        var rest = Double(bytes)
        var unit = ""
        for next in ["kB", "MB", "GB", "TB", "PB"] where unit.isEmpty || rest >= 999.5 {
            rest /= 1000
            unit = next
        }
        if rest >= 99.95 { return "\(Int64(rest.rounded())) \(unit)" }
        let tenths = Int64((rest * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    /// `text` as HTML: nothing in it is markup, and nothing reorders or hides what a reader sees.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text.escapedForDisplay.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    private static let head = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>sealift</title>
        <style>
        :root { color-scheme: light dark; --line: #d8dee4; --soft: #57606a; --ground: #fff; --card: #f6f8fa;
          --text: #1f2328; --link: #0757a8; --warn: #fff4ce; }
        @media (prefers-color-scheme: dark) { :root { --line: #30363d; --soft: #9aa4af; --ground: #0d1117;
          --card: #161b22; --text: #e6edf3; --link: #6cb0ff; --warn: #4a3b00; } }
        body { margin: 0; background: var(--ground); color: var(--text);
          font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
        main { max-width: 56rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
        h1 { font-size: 2rem; margin: 0; } h2 { font-size: 1.25rem; margin: 2.25rem 0 .75rem; }
        h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
        header p, footer p, dt { color: var(--soft); } header p { margin: .25rem 0 0; }
        a { color: var(--link); }
        article { border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; margin: 0 0 .75rem; }
        dl { margin: 0 0 .75rem; } dl div { display: flex; gap: .75rem; }
        dt { flex: 0 0 6rem; } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
        code, pre { font: .875em/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
        pre { background: var(--card); border-radius: 6px; padding: .5rem .75rem; margin: 0;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        .warning { background: var(--warn); border-radius: 8px; padding: .75rem 1.25rem; }
        footer { margin-top: 2.5rem; border-top: 1px solid var(--line); }
        @media (max-width: 32rem) { article { padding: .75rem; } dt { flex-basis: 5.25rem; } main { padding: 1.25rem .75rem; } }
        </style>
        </head>
        <body>
        <main>

        """
}

extension Router {
    /// The page, for a reader who came by `host`.
    func page(_ host: String?) -> Answer {
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]".utf8)
        let given = host.flatMap { host in
            (1...255).contains(host.utf8.count) && host.utf8.allSatisfy(letters.contains) ? host : nil
        }
        let page = Page(catalog: catalog, host: given ?? "HOST:PORT", scheme: scheme)
        var answer = Answer.text(page.html, type: "text/html; charset=utf-8")
        answer.headers.add(
            name: "Content-Security-Policy", value: "default-src 'none'; style-src 'unsafe-inline'")
        return answer
    }
}
