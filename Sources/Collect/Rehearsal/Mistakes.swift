// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import OCI
internal import Spec

/// The mistakes that a spec's builds have shown, each with its place in the spec.
struct Mistakes {
    private struct Line: Hashable {
        var place: String
        var text: String
    }
    private let path: String
    private var lines: [(order: (Int, Int), line: Line)] = []
    private var kinds: Set<Failure.Kind> = []
    /// The mistake as it is, with its place, where there is no other.
    private var single: Failure?

    init(_ parsed: ParsedSpec, problems: [BuildProblems.Problem], findings: [SpecFinding] = []) {
        path = parsed.path
        var seen: Set<Line> = []
        for problem in problems {
            let failure = problem.failure
            var place = parsed.place(of: problem.place)
            if let line = problem.line, let build = parsed.build(problem.place) {
                place = parsed.place(ofLine: line, inKubefile: build)
            }
            kinds.insert(failure.kind == .usage ? .configuration : failure.kind)
            let hint = failure.remedy.isEmpty ? "" : "; \(failure.remedy)"
            let line = Line(
                place: place,
                text: "cannot \(failure.operation) \(failure.artifact): \(failure.reason)\(hint)")
            if seen.insert(line).inserted { lines.append((Self.order(place), line)) }
            single = failure
            single?.artifact += " (\(place))"
        }
        for finding in findings {
            kinds.insert(.configuration)
            single = nil
            let hint = finding.remedy.isEmpty ? "" : "\n    → \(finding.remedy)"
            let line = Line(place: finding.place, text: finding.message + hint)
            if seen.insert(line).inserted { lines.append((Self.order(finding.place), line)) }
        }
    }

    private static func order(_ place: String) -> (Int, Int) {
        let numbers = place.split(separator: ":").suffix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
    }

    private static let remedy = "correct them here, where everything can still be fetched, and run it again"

    /// Throws all of them as one failure; nothing where there are none.
    func report() throws(Failure) {
        if lines.isEmpty { return }
        if lines.count == 1, var single {
            if single.kind == .usage { single.kind = .configuration }
            if single.remedy.isEmpty { single.remedy = Self.remedy }
            throw single
        }
        let sorted = lines.sorted { $0.order < $1.order }.map(\.line)
        let shown = sorted.prefix(50).map { "\n  \($0.place): \($0.text)" }.joined()
        let more = sorted.count > 50 ? "\n  and \(sorted.count - 50) more" : ""
        throw Failure(
            kinds.count == 1 ? kinds.first! : .configuration, "build what the spec describes", path,
            because: (sorted.count == 1 ? "1 mistake:" : "\(sorted.count) mistakes:") + shown + more,
            remedy: Self.remedy)
    }
}

extension ParsedSpec {
    /// The build that a place belongs to.
    fileprivate func build(_ place: SpecPath) -> Int? {
        spec.builds.indices.first { place == .build($0) || place == .kubefile($0) }
    }
}
