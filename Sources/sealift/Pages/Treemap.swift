// SPDX-License-Identifier: Apache-2.0
internal import HTMLPages
internal import OCI

/// Bytes as areas: a picture in SVG in which each group is a rectangle, cut into its parts. It needs no script; a
/// pointer that rests on a part shows its name.
struct Treemap {
    /// Something with a size.
    struct Part {
        let title: String
        let size: Int64
    }
    /// Parts that are shown together.
    struct Group {
        let title: String
        /// The class of its colour: `base`, `image`, `file` or `shared`.
        let kind: String
        let parts: [Part]
        /// The sum of its parts.
        var size: Int64 { parts.clampedTotal(\.size) }
    }

    private let groups: [Group]
    private static let width = 1000.0
    private static let height = 560.0
    /// What is smaller than this share of the whole is not drawn by itself: it would be smaller than a pixel.
    private static let smallest = 0.00002

    /// A picture of `groups`; those without bytes are left out.
    init(_ groups: [Group]) { self.groups = groups.filter { $0.size > 0 } }

    /// The rules of the page's style.
    static let style = """
        svg.map { width: 100%; height: auto; display: block; border-radius: 6px; }
        .map rect { stroke: var(--ground); } .map text { fill: #fff; font: 600 15px system-ui, "DejaVu Sans", sans-serif; pointer-events: none; }
        .map .base, .key.base { fill: #6e40c9; background: #6e40c9; } .map .image, .key.image { fill: #0757a8; background: #0757a8; }
        .map .file, .key.file { fill: #1a7f37; background: #1a7f37; } .map .shared, .key.shared { fill: #9a5b00; background: #9a5b00; }
        .map .part { fill: #fff; fill-opacity: .07; stroke-opacity: .55; } .map .part:hover { fill-opacity: .25; }
        .key { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin: 0 .35em 0 .9em; }

        """

    /// The picture as HTML; nothing where there are no bytes.
    var html: String {
        guard !groups.isEmpty else { return "" }
        let sorted = groups.sorted { $0.size > $1.size }
        let whole = Area(x: 0, y: 0, width: Self.width, height: Self.height)
        var text =
            "<svg class=\"map\" viewBox=\"0 0 1000 560\" role=\"img\" aria-label=\"Bytes by artifact\">\n"
        for (group, area) in zip(sorted, Self.squarified(sorted.map(\.size), in: whole)) {
            guard area.width * area.height > Self.smallest * whole.width * whole.height else { continue }
            text += "<g><rect class=\"\(group.kind)\" \(area.attributes) stroke-width=\"2\"/>"
            let parts = group.parts.sorted { $0.size > $1.size }
            for (part, area) in zip(parts, Self.squarified(parts.map(\.size), in: area.inset)) {
                guard area.width * area.height > Self.smallest * whole.width * whole.height else { continue }
                text += "<rect class=\"part\" \(area.attributes)><title>\(group.title.escapedHTML)\n"
                text += "\(part.title.escapedHTML)\n\(part.size.asBytes)</title></rect>"
            }
            text += label(group, in: area) + "</g>\n"
        }
        return text + "</svg>\n"
    }

    /// The name and the size, where there is room for at least a few letters. Of a path the end says more than the start.
    private func label(_ group: Group, in area: Area) -> String {
        let room = Int((area.width - 12) / 9)
        guard room >= 4, area.height > 22 else { return "" }
        func line(_ text: String, y: Double) -> String {
            let isPath = text.contains("/")
            let shown =
                text.count <= room
                ? text : isPath ? "…\(text.suffix(room - 1))" : "\(text.prefix(room - 1))…"
            return
                "<text x=\"\(rounded(area.x + 7))\" y=\"\(rounded(area.y + y))\">\(shown.escapedHTML)</text>"
        }
        return line(group.title, y: 19) + (area.height > 44 ? line(group.size.asBytes, y: 38) : "")
    }

    private struct Area {
        var x: Double
        var y: Double
        var width: Double
        var height: Double

        /// The area without the edge of its group.
        var inset: Area {
            Area(x: x + 1, y: y + 1, width: max(0, width - 2), height: max(0, height - 2))
        }
        var attributes: String {
            "x=\"\(rounded(x))\" y=\"\(rounded(y))\" width=\"\(rounded(width))\" height=\"\(rounded(height))\""
        }
    }

    /// Cuts `whole` into areas of these sizes, the largest first, as near to squares as rows allow.
    /// Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).
    private static func squarified(_ sizes: [Int64], in whole: Area) -> [Area] {
        let total = sizes.reduce(0.0) { $0 + Double($1) }
        guard total > 0, whole.width > 0, whole.height > 0 else { return [] }
        let scale = whole.width * whole.height / total
        var areas: [Area] = []
        var rest = whole
        var start = 0
        while start < sizes.count {
            let side = min(rest.width, rest.height)
            var (end, sum, worst) = (start, 0.0, Double.infinity)
            while end < sizes.count {
                let next = sum + Double(sizes[end]) * scale
                let (largest, least) = (Double(sizes[start]) * scale, Double(sizes[end]) * scale)
                let ratio = max(
                    side * side * largest / (next * next), next * next / max(side * side * least, 1e-9))
                if end > start, ratio > worst { break }
                (end, sum, worst) = (end + 1, next, ratio)
            }
            let depth = side > 0 ? sum / side : 0
            var offset = 0.0
            for size in sizes[start..<end] {
                let length = depth > 0 ? Double(size) * scale / depth : 0
                areas.append(
                    rest.width >= rest.height
                        ? Area(x: rest.x, y: rest.y + offset, width: depth, height: length)
                        : Area(x: rest.x + offset, y: rest.y, width: length, height: depth))
                offset += length
            }
            if rest.width >= rest.height {
                (rest.x, rest.width) = (rest.x + depth, max(0, rest.width - depth))
            } else {
                (rest.y, rest.height) = (rest.y + depth, max(0, rest.height - depth))
            }
            start = end
        }
        return areas
    }
}

/// A tenth of a unit is finer than a pixel.
private func rounded(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}
