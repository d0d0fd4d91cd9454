// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a text that is not YAML, in words for the person who writes it: libyaml's speak of its own parts.
///
/// Source: the messages of libyaml 0.2.5, `scanner.c`, `parser.c` and `reader.c`.
struct YAMLMistake {
    let reason: String
    let remedy: String

    /// - Parameters:
    ///   - problem: libyaml's words.
    ///   - context: what libyaml was at, where it says so.
    ///   - line: the line where that began, from 1.
    ///   - byte: the byte where the problem is.
    init(_ problem: String, context: String, line: Int, byte: UInt8?) {
        let words = Self.known.first { problem.hasPrefix($0.problem) && context.contains($0.context) }
        if byte == UInt8(ascii: "\t"), problem.contains("token") || problem.contains("tab") {
            (reason, remedy) = ("a tab is where only spaces can be", "indent with spaces")
        } else if problem.hasPrefix("found character that cannot start"), let byte {
            let shown = String(UnicodeScalar(byte))
            reason = "a value cannot begin with '\(shown)'"
            remedy = "put the value in quotes"
        } else if let words {
            reason = words.reason.replacing("LINE", with: "line \(line)")
            remedy = words.remedy
        } else {
            reason = (context.isEmpty ? "" : "\(context) from line \(line): ") + problem
            remedy = "fix the line, or the one above it: check indentation, colons and quotes"
        }
    }

    private static let known: [(problem: String, context: String, reason: String, remedy: String)] = [
        (
            "mapping values are not allowed", "", "a ':' is where no key can be",
            "put text with ': ' in it in quotes, or indent the line like its neighbours"
        ),
        (
            "did not find expected key", "block mapping",
            "it is neither a key of the mapping from LINE nor a part of the value before it",
            "indent keys of one mapping alike, and put quotes around a whole value"
        ),
        (
            "did not find expected '-'", "",
            "it is neither an item of the list from LINE nor a part of the item before it",
            "begin each item with '- ', all of them alike indented"
        ),
        (
            "could not find expected ':'", "", "the line from LINE has no ': ', or an open quote before it",
            "write KEY: VALUE; put text of several lines in quotes or in a block (|)"
        ),
        (
            "found unexpected ':'", "", "a ':' comes right before a bracket or a comma",
            "put the value in quotes: in lists and mappings in brackets, braces and commas are marks"
        ),
        (
            "did not find expected ',' or ']'", "", "the '[' of LINE is not closed, or a ',' is missing",
            "put ',' between the items, and ']' behind the last"
        ),
        (
            "did not find expected ',' or '}'", "", "the '{' of LINE is not closed, or a ',' is missing",
            "put ',' between the entries, and '}' behind the last"
        ),
        (
            "found unexpected end of stream", "quoted", "the quote of LINE is not closed", "close the quote"
        ),
        (
            "found unexpected document indicator", "quoted", "the quote of LINE is not closed",
            "close the quote"
        ),
        (
            "block sequence entries are not allowed", "", "an item of a list is where none can be",
            "begin the list in a line of its own below its key"
        ),
        (
            "block mapping entries are not allowed", "", "a mapping is where none can be",
            "begin the mapping in a line of its own below its key"
        ),
        (
            "found unknown escape character", "", "a backslash comes before what it cannot escape",
            "write it twice, or use single quotes"
        ),
        (
            "did not find expected node content", "", "a value is missing", "write it, or '' for none"
        ),
        (
            "did not find expected alphabetic or numeric", "",
            "'*' and '&' are marks of aliases and anchors, and no name comes after one",
            "put text that begins with '*' or '&' in quotes"
        ),
        (
            "found undefined tag handle", "", "'!' begins a tag, and this one is not known",
            "put text that begins with '!' in quotes"
        ),
        (
            "found a tab character", "", "a tab is where only spaces can be", "indent with spaces"
        ),
        (
            "did not find expected <document start>", "", "more comes after the end of the document",
            "indent it like the lines above, or begin a new document with '---'"
        ),
        (
            "did not find expected comment or line break", "", "text comes right after '|' or '>'",
            "begin the text in the next line"
        ),
    ]
}
