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
