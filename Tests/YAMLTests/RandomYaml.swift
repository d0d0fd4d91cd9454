// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// Makes YAML in the ways that people write it: every style, comments everywhere, anchors, odd spacing.
struct RandomYaml {
    private var lines: [String] = []
    private var anchors = 0

    /// A file of some documents.
    static func file(_ random: inout SeededNumbers, documents: Int, lineBreak: String) -> String {
        var maker = RandomYaml()
        for index in 0..<documents {
            if index > 0 || Bool.random(using: &random) { maker.lines.append("---") }
            maker.mapping(0, depth: 0, first: "", &random)
        }
        let end = Bool.random(using: &random) ? lineBreak : ""
        return maker.lines.joined(separator: lineBreak) + end
    }

    private static func pick<Element>(_ choices: [Element], _ random: inout SeededNumbers) -> Element {
        choices.randomElement(using: &random)!
    }

    private mutating func mapping(_ indent: Int, depth: Int, first: String, _ random: inout SeededNumbers) {
        let names = [
            "name", "spec", "kind", "a.b/c", "labels", "count", "x", "\"quoted\"", "'it''s'", "é", "image",
            "initImage",
        ]
        .shuffled(using: &random).prefix(Int.random(in: 1...5, using: &random))
        var lead = first
        for name in names {
            let pad = lead.isEmpty ? String(repeating: " ", count: indent) : lead
            if lead.isEmpty { noise(indent, &random) }
            lead = ""
            if name.hasSuffix("mage") {
                image(pad + name, indent, &random)
            } else {
                value(pad + name, indent, depth, &random)
            }
        }
    }

    private mutating func noise(_ indent: Int, _ random: inout SeededNumbers) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: lines.append(String(repeating: " ", count: indent) + "# a comment: with {signs} é")
        case 1: lines.append("")
        case 2: lines.append("# at the margin")
        default: break
        }
    }

    private mutating func image(_ key: String, _ indent: Int, _ random: inout SeededNumbers) {
        let name = Self.pick(
            ["a/b:1", "quay.io/x/y:v1", "r.io:5000/z:2", "sea.hub:5000/q/r:1", "library/n:3", "m/n"], &random)
        let pad = String(repeating: " ", count: indent + 2)
        let (repository, tag) = (
            Self.pick(["a/b", "quay.io/x/y", "nginx"], &random), Self.pick(["v1", "'1.20'"], &random)
        )
        switch Int.random(in: 0..<10, using: &random) {
        case 7: lines.append("\(key): {repository: '\(repository)', tag: \(tag)} # parts")
        case 8: lines += ["\(key):", pad + "tag: \(tag) # t", pad + "repository: \"\(repository)\""]
        case 9:
            lines += [
                "\(key):   # parts", pad + "repository: &p\(anchors) \(Self.pick(["a/b", "nginx"], &random))",
                pad + "registry: \(Self.pick(["docker.io", "quay.io", "r.io:5000"], &random))   # where",
                pad + "tag: \(tag)",
            ]
        case 0: lines.append("\(key): '\(name)'")
        case 1: lines.append("\(key):   \"\(name)\"   # why")
        case 2: lines.append("\(key): &i\(anchors) \(name) # c")
        case 3: lines += ["\(key): >-", pad + name]
        case 4: lines += ["\(key):", pad + name]
        default: lines.append("\(key): \(name)")
        }
        anchors += 1
    }

    private mutating func value(_ key: String, _ indent: Int, _ depth: Int, _ random: inout SeededNumbers) {
        let pad = String(repeating: " ", count: indent)
        let comment = Self.pick(["", "", " # c: d", "\t# tab"], &random)
        switch Int.random(in: 0..<(depth < 4 ? 14 : 8), using: &random) {
        case 0:
            lines.append(
                "\(key): \(Self.pick(["1", "0x1F", "yes", "~", "1.5", "12:30", "2.7.1"], &random))\(comment)")
        case 1: lines.append("\(key): 'single ''quoted'' # no comment'\(comment)")
        case 2: lines.append("\(key): \"double \\\"q\\\" \\u00e9 # no\"\(comment)")
        case 3:
            lines += [
                "\(key): \(Self.pick(["|", "|-", "|+", ">", ">-"], &random))", pad + "    text # no comment",
                "", pad + "    more", "",
            ]
        case 4: lines.append("\(key):\(comment)")
        case 5: lines.append("\(key): {a: 1, 'b': [x, \"y\"], c: {d: e}}\(comment)")
        case 6: lines += ["\(key): [a, # in flow", pad + "  b: c, 3,", pad + "  ]\(comment)"]
        case 7: lines += ["\(key): plain text that", pad + "  goes on\(comment)"]
        case 8, 9, 10:
            lines.append("\(key):\(Self.pick(["", " &m\(anchors)", " !!map"], &random))\(comment)")
            anchors += 1
            mapping(indent + Self.pick([1, 2, 4], &random), depth: depth + 1, first: "", &random)
        case 11:
            lines.append("\(key):\(comment)")
            for item in ["one", "'two'", "3"] { lines.append("\(pad)- \(item)\(comment)") }
        default:
            lines.append("\(key):\(comment)")
            let inner = indent + Self.pick([0, 2], &random)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                mapping(
                    inner + 2, depth: depth + 1, first: String(repeating: " ", count: inner) + "- ", &random)
            }
        }
    }
}
