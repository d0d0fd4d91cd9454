// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import HTMLPages
internal import OCI

/// What one bundle has and another has not, as one self-contained page.
struct DiffPage {
    let diff: BundleDiff
    let old: Bundle
    let new: Bundle

    /// The document.
    var html: String {
        var body =
            "<header><h1>\(new.spec.name.escapedHTML)</h1>\n<p>What changed between two bundles.</p>\n<dl>\n"
        for (name, bundle) in [("Older", old), ("Newer", new)] {
            body += HTMLPage.term(
                name,
                html: "\(bundle.path.escapedHTML), \(bundle.size.asBytes), <code>\(bundle.indexDigest)</code>"
            )
        }
        body +=
            HTMLPage.term("New", html: diff.addedBytes.asBytes)
            + HTMLPage.term("Gone", html: diff.removedBytes.asBytes)
        body += HTMLPage.term("In both", html: diff.keptBytes.asBytes) + "</dl></header>\n"
        body += "<section><h2>The new bytes</h2>\n" + Treemap(groups(diff.added)).html + "</section>\n"
        body += "<section><h2>Changes</h2>\n" + HTMLPage.search(for: "changes")
        body += "<table><tr><th>artifact<th>change<th class=\"number\">new<th class=\"number\">gone</tr>\n"
        for entry in diff.entries {
            let digests = [entry.change.old, entry.change.new].compactMap { $0?.short }.joined(
                separator: " → ")
            body +=
                "<tr class=\"item\"><td>\(entry.change.name.escapedHTML) <span class=\"soft\">\(digests)</span>"
            body +=
                "<td>\(entry.change.kind.rawValue)<td class=\"number\">\(entry.added.asBytes)<td class=\"number\">\(entry.removed.asBytes)</tr>\n"
        }
        if diff.entries.isEmpty { body += "<tr><td colspan=\"4\">nothing changed</tr>\n" }
        body +=
            "</table></section>\n<footer><p class=\"soft\">Made by sealift \(Sealift.version).</p></footer>\n"
        return HTMLPage(title: "\(new.spec.name), changes", body: body, style: Treemap.style).document
    }

    private func groups(_ items: [BundlePlan.Item]) -> [Treemap.Group] {
        let files = Set(new.files.map(\.title))
        return Dictionary(grouping: items, by: \.owner).sorted { $0.key < $1.key }.map { owner, items in
            Treemap.Group(
                title: (try? Reference(owner).familiar) ?? owner,
                kind: files.contains(owner) ? "file" : "image",
                parts: items.map { .init(title: $0.descriptor.digest.short, size: $0.descriptor.size) })
        }
    }
}
