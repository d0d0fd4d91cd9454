// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import OCI
internal import Spec

/// The mistakes of a spec that have shown so far, and what is missing because of them. They are reported together,
/// at the latest before the layers of images are fetched.
struct SpecFaults: Sendable {
    /// In the order they were found.
    private(set) var problems: [BuildProblems.Problem]
    /// What is named and could not be had.
    private(set) var absent: AbsentParts

    init(_ problems: [BuildProblems.Problem], without absent: AbsentParts) {
        self.problems = problems
        self.absent = absent
    }

    /// Whether a mistake at `place` is known.
    func has(_ place: SpecPath) -> Bool { problems.contains { $0.place == place } }

    /// Notes a mistake.
    mutating func note(_ failure: Failure, at place: SpecPath) {
        problems.append(.init(place: place, failure: failure))
    }

    /// Notes that what steps take under this name cannot be had, the mistake being noted already.
    mutating func lack(file name: String) { absent.files.insert(name) }

    /// Notes that images are named which are not known, and that those of `named` are not judged, the mistake being noted
    /// already.
    mutating func lackImages(_ named: some Sequence<Reference>) {
        absent.isListPartial = true
        absent.images.formUnion(named)
    }

    /// Notes that a file cannot be had.
    mutating func note(_ failure: Failure, ofFile name: String) {
        absent.files.insert(name)
        note(failure, at: .file(name))
    }

    /// Notes that a role means no layer of the base.
    mutating func note(_ failure: Failure, ofLayer role: String) {
        absent.roles.insert(role)
        note(failure, at: .role(role))
    }

    /// Notes that an image cannot be had.
    mutating func note(_ failure: Failure, ofImage reference: Reference, in spec: Spec) {
        if reference == spec.base?.image {
            absent.isBaseMissing = true
            return note(failure, at: "base")
        }
        absent.images.insert(reference)
        let chart = (spec.charts ?? []).firstIndex { $0.reference == reference }.map { SpecPath.chart($0) }
        note(failure, at: spec.images.firstIndex(of: reference).map { .image($0) } ?? chart ?? "images")
    }
}

extension Failure {
    /// Whether it may be a mistake of the spec, or of what the spec names; a full disk or an interruption is none.
    var mayBeMistake: Bool {
        switch kind {
        case .data, .input, .unavailable, .denied, .configuration, .usage: true
        case .fault, .space, .io, .busy: false
        }
    }
}

/// Runs `body`, and gives what it throws as a value where it may be a mistake of the spec.
func attempted<Success: Sendable>(
    _ body: () async throws -> Success
) async throws -> Result<Success, Failure> {
    do { return .success(try await body()) } catch {
        guard let failure = error as? Failure, failure.mayBeMistake else { throw error }
        return .failure(failure)
    }
}
