// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTMLPages
import OCI
import Testing

/// Pages that load nothing, and text from outside that stays text.
@Suite struct HTMLPageTests {
    @Test(arguments: [
        ("plain", "plain"), ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("\"double\" 'single'", "&quot;double&quot; &#39;single&#39;"),
        ("</script><script>alert(1)</script>", "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&amp;", "&amp;amp;"), ("é 漢 😀", "é 漢 😀"), ("", ""),
        ("line\nbreak", "line\\nbreak"), ("\u{1B}[31m\u{202E}", "\\u001b[31m\\u202e"),
        ("<\u{301}>", "&lt;\u{301}&gt;"),
    ])
    func textIsNoMarkup(_ text: String, _ html: String) {
        #expect(text.escapedHTML.lowercased() == html.lowercased())
        #expect(!text.escapedHTML.unicodeScalars.contains { "<>\"'".unicodeScalars.contains($0) })
    }

    @Test func dataKeepsItsLines() {
        #expect("a\n<b>\n".escapedHTMLData == "a\n&lt;b&gt;\n")
        #expect(
            HTMLPage.copyable("docker load <x\n")
                == "<pre class=\"copy\"><code>docker load &lt;x\n</code></pre>\n")
    }

    private static let page = HTMLPage(
        title: "a <b> & \"c\"", body: "<p>body</p>\n", style: "p { color: red; }\n", script: "let own = 1;\n")

    @Test func theDocumentIsOneAndItsPartsMakeIt() throws {
        let text = Self.page.document
        #expect(text == Self.page.opening + Self.page.body + Self.page.closing)
        #expect(text.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(text.hasSuffix("</body>\n</html>\n"))
        #expect(text.contains("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>"))
        for part in ["<main>", "</main>", "<style>", "</style>", "<script>", "</script>", "<p>body</p>"] {
            #expect(text.components(separatedBy: part).count == 2, "\(part)")
        }
        #expect(text.contains("p { color: red; }\n</style>") && text.contains("let own = 1;\n</script>"))
    }

    /// A browser runs the script only if its hash is that of the policy; nothing is loaded from anywhere.
    @Test func thePolicyAllowsItsOwnScriptOnly() throws {
        for page in [Self.page, HTMLPage(title: "", body: "")] {
            let text = page.document
            let start = try #require(text.range(of: "<script>")).upperBound
            let end = try #require(text.range(of: "</script>")).lowerBound
            let hash = Data(Digest(of: Array(text[start..<end].utf8)).bytes).base64EncodedString()
            #expect(page.contentSecurityPolicy.contains("script-src 'sha256-\(hash)'"))
            #expect(page.contentSecurityPolicy.hasPrefix("default-src 'none'"))
            for word in ["http:", "https:", "src=", "@import", "url("] {
                #expect(!text.contains(word), "\(word)")
            }
        }
        #expect(Self.page.contentSecurityPolicy != HTMLPage(title: "", body: "").contentSecurityPolicy)
    }

    @Test func buildingBlocksEscapeTheirText() {
        #expect(HTMLPage.term("a<b", html: "<i>x</i>") == "<div><dt>a&lt;b</dt><dd><i>x</i></dd></div>\n")
        let search = HTMLPage.search(for: "\"images\"")
        #expect(search.contains("placeholder=\"Search &quot;images&quot;\"") && search.contains("hidden"))
        #expect(search.contains("id=\"search\"") && search.contains("id=\"found\""))
    }
}
