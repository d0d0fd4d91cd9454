// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import OCI
internal import Spec

/// The mistakes of a spec: those of its text, and those that its builds have shown, each with its place.
struct Mistakes {
    private struct Line {
        /// Where it is; empty where it is nowhere in the spec.
        var place: String
        var text: String
        var kind: Failure.Kind
        /// The builds that show it; empty for one of all.
        var platforms: Set<Platform> = []
        /// The mistake as it is, where there is no other.
        var failure: Failure?
    }
    private let parsed: ParsedSpec
    private var lines: [Line] = []
    /// The lines of the spec that are wrong in themselves: what is found of them besides follows from that.
    private let faulty: Set<String>

    /// What a report of several mistakes is called.
    private static let operation = "use"

    init(_ parsed: ParsedSpec, problems: [BuildProblems.Problem], findings: [SpecFinding] = []) {
        self.parsed = parsed
        faulty = Set(parsed.gaps.problems.map { "\($0.path):\($0.position.line)" })
        for problem in parsed.gaps.problems {
            add(
                Line(
                    place: "\(problem.path):\(problem.position)", text: problem.message,
                    kind: .configuration, failure: parsed.gaps.failure(path: parsed.path)))
        }
        for problem in problems { add(problem) }
        for finding in findings {
            let hint = finding.remedy.isEmpty ? "" : "\n    → \(finding.remedy)"
            add(Line(place: finding.place, text: finding.message + hint, kind: .configuration))
        }
    }

    private mutating func add(_ problem: BuildProblems.Problem) {
        let failure = problem.failure
        var place = parsed.place(of: problem.place)
        if let line = problem.line, let build = parsed.build(problem.place) {
            place = parsed.place(ofLine: line, inKubefile: build)
        }
        // Several steps, files and images may be written in one line: only what is faulty itself is passed over.
        let isOfFault = problem.line != nil || parsed.gaps.steps.contains(problem.place)
        if isOfFault, faulty.contains(place.split(separator: ":").dropLast().joined(separator: ":")) {
            return
        }
        let hint = failure.remedy.isEmpty ? "" : "; \(failure.remedy)"
        add(
            Line(
                place: place,
                text: "cannot \(failure.operation) \(failure.artifact): \(failure.reason)\(hint)",
                kind: failure.kind == .usage ? .configuration : failure.kind,
                platforms: problem.platform.map { [$0] } ?? [], failure: failure))
    }

    /// Takes in a mistake; one that several platforms have is one.
    private mutating func add(_ line: Line) {
        guard let known = lines.firstIndex(where: { ($0.place, $0.text) == (line.place, line.text) }) else {
            return lines.append(line)
        }
        let isOfAll = lines[known].platforms.isEmpty || line.platforms.isEmpty
        lines[known].platforms = isOfAll ? [] : lines[known].platforms.union(line.platforms)
    }

    /// ` (for linux/arm64)` where only some of the platforms have it.
    private func platforms(of line: Line) -> String {
        if line.platforms.isEmpty || line.platforms.isSuperset(of: parsed.spec.platforms) { return "" }
        return " (for \(line.platforms.map(\.description).sorted().joined(separator: ", ")))"
    }

    private static func order(_ place: String) -> (Int, Int) {
        let numbers = place.split(separator: ":").suffix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
    }

    private static let remedy = "correct them here, where everything can still be fetched, and run it again"

    /// Each with its place, in the order of the places.
    var texts: [String] {
        lines.sorted { Self.order($0.place) < Self.order($1.place) }
            .map { "\($0.place): \($0.text)\(platforms(of: $0))" }
    }

    /// Throws all of them as one failure; nothing where there are none.
    func report() throws(Failure) {
        if lines.isEmpty { return }
        if lines.count == parsed.gaps.problems.count { throw parsed.gaps.failure(path: parsed.path) }
        if lines.count == 1, var single = lines[0].failure {
            single.artifact += " (\(lines[0].place))\(platforms(of: lines[0]))"
            single.kind = lines[0].kind
            if single.remedy.isEmpty { single.remedy = Self.remedy }
            throw single
        }
        let shown = texts.prefix(50).map { "\n  " + $0 }.joined()
        let more = lines.count > 50 ? "\n  and \(lines.count - 50) more" : ""
        let kinds = Set(lines.map(\.kind))
        throw Failure(
            kinds.count == 1 ? kinds.first! : .configuration, Self.operation, parsed.path,
            because: (lines.count == 1 ? "1 mistake:" : "\(lines.count) mistakes:") + shown + more,
            remedy: Self.remedy)
    }

    /// The failure that ends a run whose spec has mistakes: they are reported together with what ended it, unless it is
    /// their report.
    static func joined(to failure: Failure, in parsed: ParsedSpec) -> Failure {
        let own = parsed.gaps.failure(path: parsed.path)
        if parsed.gaps.problems.isEmpty || failure.operation == operation || failure == own { return failure }
        guard failure.mayBeMistake else { return failure }
        do throws(Failure) {
            try Mistakes(parsed, problems: [.init(place: "", failure: failure)]).report()
        } catch { return error }
        return failure
    }
}

extension ParsedSpec {
    /// The build that a place belongs to.
    fileprivate func build(_ place: SpecPath) -> Int? {
        spec.builds.indices.first { place == .build($0) || place == .kubefile($0) }
    }
}
