// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// One self-contained HTML document in the look that all pages of sealift share: light and dark, wide and narrow.
///
/// The document loads nothing. Its script, which is the same on every page, only adds comfort: it fills in a search
/// over the elements with the class `item`, and copy buttons. Without scripts the page has everything else.
///
/// Building blocks for the body, which the shared style knows: `<header>`, `<section>`, `<table>`, `<dl>` of
/// `<div><dt><dd>`, `<details class="item">` with a `<summary>`, `<pre class="copy">` (gets a copy button),
/// `<p class="warning">`, `<span class="soft">`, `<td class="number">`.
package struct HTMLPage: Sendable {
    /// The title of the window, as plain text.
    package var title: String
    /// The content of `<main>`: HTML, in which text from outside has passed ``Swift/String/escapedHTML``.
    package var body: String
    /// Rules of this page, beyond the shared ones.
    package var style: String
    /// A script of this page, which runs after the shared one.
    package var script: String

    /// Creates a page.
    package init(title: String, body: String, style: String = "", script: String = "") {
        self.title = title
        self.body = body
        self.style = style
        self.script = script
    }

    /// The whole document.
    package var document: String { opening + body + closing }

    /// The document up to its body, for a page that is sent in parts.
    package var opening: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(title.escapedHTML)</title>
        <style>
        \(PageStyle.shared)\(style)</style>
        </head>
        <body>
        <main>

        """
    }

    /// The document from the end of its body on.
    package var closing: String {
        "</main>\n<script>\(PageScript.shared)\(script)</script>\n</body>\n</html>\n"
    }

    /// The value of the header `Content-Security-Policy` for this page: its own style and script, and nothing else.
    package var contentSecurityPolicy: String {
        let digest = Digest(of: Array((PageScript.shared + script).utf8))
        let hash = Data(digest.bytes).base64EncodedString()
        return "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-\(hash)'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }

    /// The field that searches the items of the page; hidden until the script makes it work.
    /// - Parameter noun: what is searched, `images`.
    package static func search(for noun: String) -> String {
        """
        <p class="search" hidden><input type="search" id="search" placeholder="Search \(noun.escapedHTML)" \
        aria-label="Search \(noun.escapedHTML)" autocomplete="off" spellcheck="false"> \
        <span class="soft" id="found" role="status"></span></p>

        """
    }

    /// A command or a file's content, with a copy button where scripts run. `text` is plain text.
    package static func copyable(_ text: String) -> String {
        "<pre class=\"copy\"><code>\(text.escapedHTMLData)</code></pre>\n"
    }

    /// A row of a `<dl>`: `name` is plain text, `value` is HTML.
    package static func term(_ name: String, html value: String) -> String {
        "<div><dt>\(name.escapedHTML)</dt><dd>\(value)</dd></div>\n"
    }
}
