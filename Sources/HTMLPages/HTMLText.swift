// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension String {
    /// The text as HTML on one line, also inside a quoted attribute: nothing in it is markup, and nothing reorders or
    /// hides what a reader sees.
    package var escapedHTML: String { escapedForDisplay.withoutMarkup }

    /// The same for data of several lines: newlines stay.
    package var escapedHTMLData: String { escapedData.withoutMarkup }

    private var withoutMarkup: String {
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension Int64 {
    /// A number of bytes as people read it, in powers of 1000: `999 B`, `1.5 GB`.
    package var shortByteCount: String {
        if self < 1000 { return "\(self) B" }
        var rest = Double(self)
        var unit = ""
        for next in ["kB", "MB", "GB", "TB", "PB"] where unit.isEmpty || rest >= 999.5 {
            rest /= 1000
            unit = next
        }
        if rest >= 99.95 { return "\(Int64(rest.rounded())) \(unit)" }
        let tenths = Int64((rest * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}
