// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// The values that charts are rendered with: a chart's own, under those of the chart that it is a part of, under those that
/// are given.
///
/// Source: helm.sh/docs/chart_template_guide/subcharts_and_globals.
struct ChartValues {
    private let given: Tree
    private let own: (_ chart: String) -> Tree?
    private var known: [String: Tree] = [:]
    /// How many values may still be merged: each part of a chart may have those of all its parts once more.
    private var left = 1_000_000

    /// - Parameters:
    ///   - given: what replaces the values of charts that are no part of another.
    ///   - own: the `values.yaml` of the chart at that path; `nil` where there is no chart.
    init(given: Tree = .object([]), own: @escaping (_ chart: String) -> Tree?) {
        self.given = given
        self.own = own
    }

    /// The values of the chart at `path`, `…/charts/NAME` where it is a part of another; nothing where the charts have more
    /// values together than are read without Helm.
    mutating func values(of path: String) -> Tree {
        // From the outermost chart to this one.
        var chain = [path]
        while let inner = chain.last, let parent = parent(of: inner) { chain.append(parent) }
        var (values, isOutermost): (Tree, Bool) = (given, true)
        for chart in chain.reversed() {
            if let found = known[chart] {
                (values, isOutermost) = (found, false)
                continue
            }
            let above = isOutermost ? values : values[Self.name(of: chart)] ?? .object([])
            var merged = above.merged(over: own(chart) ?? .object([]))
            if !isOutermost, let global = values["global"] {
                merged = Tree.fields(["global": global]).merged(over: merged)
            }
            left -= Self.count(in: merged, upTo: left)
            if left == 0 { merged = .null }
            known[chart] = merged
            (values, isOutermost) = (merged, false)
        }
        return values
    }

    /// The chart that the one at `path` is a part of; `nil` where it is none.
    private func parent(of path: String) -> String? {
        var rest = path[...]
        while let mark = rest.lastRange(of: "/charts/") {
            rest = rest[..<mark.lowerBound]
            if own(String(rest)) != nil { return String(rest) }
        }
        return nil
    }

    private static func count(in tree: Tree, upTo limit: Int) -> Int {
        var (count, pending) = (0, [tree])
        while count < limit, let next = pending.popLast() {
            count += 1
            pending += next.members.map(\.value)
            pending += next.elements
        }
        return count
    }

    private static func name(of path: String) -> String { String(path.split(separator: "/").last ?? "") }
}

extension Tree {
    /// Helm's rule: mappings are merged, `null` takes a key away, all else replaces what is there.
    func merged(over other: Tree) -> Tree {
        guard case .object(let upper) = self, case .object(let lower) = other else {
            return self == .null ? other : self
        }
        var members: [String: Tree] = [:]
        for member in lower { members[member.key] = member.value }
        for member in upper {
            guard member.value != .null else {
                members[member.key] = nil
                continue
            }
            members[member.key] = members[member.key].map { member.value.merged(over: $0) } ?? member.value
        }
        return .object(members.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: $0.value) })
    }
}

extension Substring {
    /// Where `text` is for the last time.
    fileprivate func lastRange(of text: String) -> Range<Index>? {
        var (found, rest): (Range<Index>?, Substring) = (nil, self)
        while let next = rest.firstRange(of: text) {
            (found, rest) = (next, rest[rest.index(after: next.lowerBound)...])
        }
        return found
    }
}
