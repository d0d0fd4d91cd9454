// SPDX-License-Identifier: Apache-2.0
package import OCI

/// One thing that differs between two locks or two bundles.
package struct Change: Sendable, Equatable {
    /// In which way.
    package enum Kind: String, Sendable {
        /// It is only in the newer.
        case added
        /// It is only in the older.
        case removed
        /// It is in both, with another content.
        case changed
    }
    /// What it is called: a reference or a file's title, with the platform where that alone differs.
    package var name: String
    /// The reference or title without the platform.
    package var owner: String
    /// The platform, where it alone differs.
    package var platform: Platform?
    /// In which way it differs.
    package var kind: Kind
    /// The content that the older has.
    package var old: Digest?
    /// The content that the newer has.
    package var new: Digest?

    /// The change of `owner`, on `platform` alone where one is given, from `old` to `new`; `nil` where they
    /// are equal.
    init?(_ owner: String, platform: Platform? = nil, old: Digest?, new: Digest?) {
        guard old != new else { return nil }
        name = owner + (platform.map { " (\($0))" } ?? "")
        self.owner = owner
        self.platform = platform
        self.old = old
        self.new = new
        kind = old == nil ? .added : new == nil ? .removed : .changed
    }
}

extension Change: CustomStringConvertible {
    /// One line for people: a sign, the name, and the digests where the content has changed.
    package var description: String {
        switch kind {
        case .added: "+ \(name)"
        case .removed: "- \(name)"
        case .changed: "~ \(name)  \(old?.short ?? "") → \(new?.short ?? "")"
        }
    }
}

extension Lock {
    /// What is different from `old`, in order of name: an image or a file that came or went; an image
    /// whose platforms' manifests differ, platform by platform; one of which only the index differs.
    package func changes(from old: Lock) -> [Change] {
        let (before, after) = (old.contents, contents)
        var changes: [Change] = []
        for name in Set(before.keys).union(after.keys).sorted() {
            let (then, now) = (before[name], after[name])
            guard let then, let now else {
                changes += [Change(name, old: then?.whole, new: now?.whole)].compactMap(\.self)
                continue
            }
            let parts = Set(then.parts.keys).union(now.parts.keys).sorted().compactMap { platform in
                Change(name, platform: platform, old: then.parts[platform], new: now.parts[platform])
            }
            let whole = [Change(name, old: then.whole, new: now.whole)].compactMap(\.self)
            changes += parts.isEmpty ? whole : parts
        }
        return changes
    }

    /// What a name means: the whole, and the parts of it that are carried.
    private struct Content {
        var whole: Digest
        var parts: [Platform: Digest] = [:]
    }

    private var contents: [String: Content] {
        var contents: [String: Content] = [:]
        for image in images {
            contents["\(image.reference)"] = Content(
                whole: image.digest,
                parts: Dictionary(image.platforms.map { ($0.platform, $0.digest) }) { first, _ in first })
        }
        for file in files { contents[file.title] = Content(whole: file.digest) }
        return contents
    }
}
