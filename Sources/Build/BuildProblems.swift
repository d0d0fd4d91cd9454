// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// The mistakes that a build has shown. On the isolated host the first ends the build; a rehearsal goes through all
/// of it and gathers them.
package final class BuildProblems {
    /// One mistake, and the part of the spec that it is about.
    package struct Problem: Sendable {
        /// The part of the spec.
        package var place: SpecPath
        /// The line of the Kubefile, from 1, where it is about one.
        package var line: Int?
        /// The platform whose builds have it; `nil` where it is one of all.
        package var platform: Platform?
        /// What is wrong.
        package var failure: Failure

        /// A mistake.
        package init(place: SpecPath, line: Int? = nil, failure: Failure) {
            self.place = place
            self.line = line
            self.failure = failure
        }

        /// The same, as one of a platform.
        package func of(_ platform: Platform) -> Problem {
            var problem = self
            problem.platform = platform
            return problem
        }
    }

    private let gathers: Bool
    /// The mistakes so far, in the order they were found.
    package private(set) var found: [Problem] = []
    /// The mistake that ended a build, where they are not gathered.
    package private(set) var thrown: Problem?
    /// Set once a part is missing that may hold anything: what is not found afterwards is not reported.
    var isIncomplete = false

    /// - Parameter gathering: whether mistakes are gathered; else the first is thrown.
    package init(gathering: Bool) { gathers = gathering }

    /// Notes a mistake.
    /// - Parameter isCertain: whether it is one whatever else is missing.
    /// - Throws: the mistake, unless mistakes are gathered. What has nothing to do with the input (a full disk, an
    ///   interruption) is always thrown.
    package func note(
        _ failure: Failure, at place: SpecPath, line: Int? = nil, isCertain: Bool = false
    ) throws(Failure) {
        guard gathers, [.data, .input, .configuration, .usage].contains(failure.kind) else {
            thrown = thrown ?? Problem(place: place, line: line, failure: failure)
            throw failure
        }
        if isIncomplete, !isCertain, failure.kind == .input { return }
        let isKnown = found.contains { $0.place == place && $0.line == line && $0.failure == failure }
        if !isKnown { found.append(Problem(place: place, line: line, failure: failure)) }
    }

    /// Runs `body` and notes what it throws.
    /// - Returns: what `body` returned; `nil` where it threw.
    package func attempt<Result>(
        at place: SpecPath, line: Int? = nil, isCertain: Bool = false, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        do throws(Failure) { return try body() } catch {
            try note(error, at: place, line: line, isCertain: isCertain)
            return nil
        }
    }
}
