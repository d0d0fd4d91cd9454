// SPDX-License-Identifier: Apache-2.0

extension SourceText {
    /// Where a node's own text begins, whose marks begin with its anchor and its tag.
    func contentStart(_ start: Int, limit: Int) -> Int { bytes.yamlContentStart(start, limit: limit) }
}

extension [UInt8] {
    /// Where a node's own text begins: behind the anchor and the tag that its marks begin with, at most `limit`.
    func yamlContentStart(_ start: Int, limit: Int) -> Int {
        var at = start
        while at < limit {
            switch self[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            case UInt8(ascii: "#"): while at < limit, self[at] != 0x0A { at += 1 }
            case UInt8(ascii: "&"), UInt8(ascii: "!"):
                while at < limit, ![0x20, 0x09, 0x0A, 0x0D].contains(self[at]) { at += 1 }
            default: return at
            }
        }
        return limit
    }
}
