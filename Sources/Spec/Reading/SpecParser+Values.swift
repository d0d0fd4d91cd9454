// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The scalars of a spec, parsed into their types.
extension SpecParser {
    /// Text as it is written; a number too, so that `1.20` stays `1.20`.
    mutating func text(_ node: YAMLNode, as what: String) -> String? {
        let wrong: Bool =
            switch node.scalarType {
            case nil, .null, .bool: true
            default: false
            }
        guard let text = node.text, !wrong, !text.isEmpty else {
            let quotes = node.scalarType == .bool ? "; text that looks like a truth value goes in quotes" : ""
            note(node, message: "expected \(what) as text; found \(shown(node))\(quotes)")
            return nil
        }
        return text
    }

    /// A name that can be a part of a file's name.
    mutating func name(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        let alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        guard text.utf8.count <= 128, let first = text.utf8.first, alphabet.utf8.contains(first),
            text.utf8.allSatisfy({ alphabet.utf8.contains($0) || "._-".utf8.contains($0) })
        else {
            note(
                node,
                message:
                    "expected \(what) of letters, digits, '.', '_' and '-', 128 at most; found \(shown(node))"
            )
            return nil
        }
        return text
    }

    mutating func platform(_ node: YAMLNode) -> Platform? {
        guard let text = text(node, as: "a platform") else { return nil }
        let platform: Platform
        do throws(Failure) { platform = try Platform(text) } catch {
            note(node, message: "'\(text.prefix(60))' is no platform: \(error.reason), like linux/amd64")
            return nil
        }
        guard let (reason, known) = platform.unknownWord else { return platform }
        let meant = known ?? Self.nearest(to: platform)
        let advice = meant.map { "did you mean \($0)?" } ?? "they are called like linux/amd64 or linux/arm64"
        note(node, message: "'\(text.prefix(60))' is no platform: \(reason); \(advice)")
        // What else names the platform that was meant is right.
        return meant
    }

    /// The platform whose words were probably meant.
    private static func nearest(to platform: Platform) -> Platform? {
        func word(_ word: String, of known: [String]) -> String? {
            known.contains(word) ? word : Suggestion.nearest(to: word, among: known)
        }
        guard let os = word(platform.os, of: Platform.systems),
            let architecture = word(platform.architecture, of: Platform.architectures)
        else { return nil }
        return Platform(os: os, architecture: architecture, variant: platform.variant)
    }

    mutating func reference(_ node: YAMLNode, as what: String, defaults: Reference.Defaults) -> Reference? {
        guard let written = text(node, as: "\(what)'s reference"), let text = released(written, node: node)
        else {
            return nil
        }
        do throws(Failure) { return try Reference(text, defaults: defaults) } catch {
            note(node, message: "'\(text.prefix(120))' is no image reference: \(error.reason)")
            return nil
        }
    }

    /// `sha256:` and 64 digits, or the digits alone; so of SHA-512.
    mutating func digest(
        _ node: YAMLNode, as what: String, by algorithm: Digest.Algorithm = .sha256
    ) -> Digest? {
        guard let text = text(node, as: what) else { return nil }
        let prefix = algorithm.rawValue + ":"
        let hex = text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : text[...]
        if let digest = Digest(hex: hex, algorithm) { return digest }
        note(
            node,
            message:
                "expected \(what) as '\(prefix)' and \(2 * algorithm.count) lower-case hexadecimal digits; found \(hex.count) characters ('\(text.prefix(80))')"
        )
        return nil
    }

    /// Digests by platform.
    mutating func digests(
        _ node: YAMLNode, as what: String, by algorithm: Digest.Algorithm = .sha256
    ) -> [String: Digest] {
        var all: [String: Digest] = [:]
        for (key, value) in named(node, as: what) {
            guard let platform = platform(key) else { continue }
            if !context.platforms.contains(platform) {
                note(
                    key,
                    message: "the spec carries no \(platform); add it to platforms or take this line away")
            }
            all[platform.description] = digest(value, as: what, by: algorithm)
        }
        return all
    }

    /// A path inside a context: relative, without `..`, `.` and empty parts.
    mutating func path(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let reason: String? =
            if text.hasPrefix("/") {
                "begins with '/'"
            } else if parts.contains("..") {
                "has '..' in it"
            } else if parts.contains("") || parts.contains(".") {
                "has an empty or '.' part"
            } else if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) || text.utf8.count > 4000 {
                "has a control character or is too long"
            } else {
                nil
            }
        guard let reason else { return placeholders(of: text, node) ? text : nil }
        note(node, message: "expected \(what) relative to the context; '\(text.prefix(80))' \(reason)")
        return nil
    }

    /// A path of the collecting host, relative to the spec's folder.
    mutating func hostPath(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        guard text.utf8.count <= 4000, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            note(node, message: "\(what) has a control character or is too long")
            return nil
        }
        return placeholders(of: text, node) ? fromSpec(text) : nil
    }

    /// Text that may be empty and have several lines.
    mutating func wholeText(_ node: YAMLNode, as what: String) -> String? {
        if let text = node.text, text.isEmpty, node.scalarType == .string { return text }
        return text(node, as: what)
    }

    /// The mode of a file in octal digits: `0755`.
    mutating func mode(_ node: YAMLNode) -> UInt32? {
        let digits = node.text ?? ""
        guard (3...4).contains(digits.utf8.count), let mode = UInt32(digits, radix: 8) else {
            note(node, message: "expected the mode in octal digits, like 0755; found \(shown(node))")
            return nil
        }
        return mode
    }

    /// `host[:port]`.
    mutating func domain(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        guard !text.contains("/"), let probe = try? Reference("\(text)/a/b:c"), probe.domain == text else {
            note(
                node,
                message:
                    "expected \(what) as host[:port], like quay.io or sea.hub:5000; found '\(text.prefix(80))'"
            )
            return nil
        }
        return text
    }

    /// `[scheme://]host[:port][/path]`.
    mutating func mirror(_ node: YAMLNode) -> String? {
        guard let text = text(node, as: "a mirror") else { return nil }
        var rest = text[...]
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        }
        let host = rest.prefix { $0 != "/" }
        let isPath = rest.dropFirst(host.count).dropFirst().split(
            separator: "/", omittingEmptySubsequences: false
        )
        .allSatisfy { !$0.isEmpty && $0 != ".." && $0 != "." }
        let plain = rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"@?#\\".utf8.contains($0) }
        let named = (try? Reference("\(host)/a/b:c"))?.domain == String(host)
        if plain, named, isPath || rest.count == host.count { return text }
        note(
            node,
            message:
                "expected a mirror as [scheme://]host[:port][/path] without credentials; found '\(text.prefix(80))'"
        )
        return nil
    }

    /// An HTTP or HTTPS URL with the known placeholders.
    mutating func url(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        var rest: Substring?
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
            rest = text.dropFirst(scheme.count)
        }
        guard let rest else {
            note(
                node,
                message: "expected \(what) that begins with https:// or http://; found '\(text.prefix(80))'")
            return nil
        }
        let host = rest.prefix { $0 != "/" && $0 != "?" }
        if host.contains("@") {
            note(
                node,
                message:
                    "\(what) holds credentials; put them into a netrc or docker config, never into a spec")
            return nil
        }
        guard !host.isEmpty, !host.hasPrefix(":"), !text.contains("#"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            note(
                node,
                message: "\(what) '\(text.prefix(80))' has no host, or a character that a URL cannot have")
            return nil
        }
        return placeholders(of: text, node) ? text : nil
    }

    /// `text` with `{release}` filled in; `nil` where the spec has no release, or where it has another word in braces.
    mutating func released(_ text: String, node: YAMLNode) -> String? {
        guard text.contains("{") else { return text }
        guard placeholders(of: text, node, among: ["release"]) else { return nil }
        return Placeholders.fill(text, for: nil, release: context.release)
    }

    /// Whether all words in braces are known; notes the first that is not.
    private mutating func placeholders(
        of text: String, _ node: YAMLNode, among known: [String] = Placeholders.known
    ) -> Bool {
        if text.contains("${") {
            note(
                node, message: "a placeholder is written without '$', like {arch}; found '\(text.prefix(80))'"
            )
            return false
        }
        for placeholder in Placeholders.words(in: text) {
            guard known.contains(placeholder) else {
                note(node, message: Self.unknown(placeholder, among: known))
                return false
            }
            if placeholder == "release", context.release == nil {
                note(node, message: "{release} is used, and the spec has no 'release'")
                return false
            }
        }
        return true
    }

    /// What is said of a word in braces that is not filled in.
    static func unknown(_ placeholder: String, among known: [String]) -> String {
        if Placeholders.known.contains(placeholder) {
            return "{\(placeholder)} is not filled in here: an image has one name for all platforms"
        }
        guard !placeholder.contains("{") else {
            return "a brace is not closed; write a placeholder like {\(known[0])}"
        }
        let meant = Suggestion.nearest(to: placeholder, among: known)
        let all = known.map { "{\($0)}" }.joined(separator: ", ")
        return "unknown placeholder {\(placeholder.prefix(40))}; "
            + (meant.map { "did you mean {\($0)}?" } ?? "there \(known.count == 1 ? "is" : "are") \(all)")
    }
}
