// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Sealer
import Spec
import TestSupport
import Testing

@testable import Build

/// What a rehearsal accepts an apply builds with the same ids, and what an apply refuses a rehearsal has refused.
///
/// `TEST_DIFFERENTIAL=FIRST-LAST` tries these seeds; 1 to 150 if it is not set.
@Suite(.enabled(if: geteuid() == 0)) struct DifferentialTests {
    /// An image's id and its layers, by name.
    typealias Ids = [String: [String]]

    static var seeds: ClosedRange<UInt64> {
        let given = ProcessInfo.processInfo.environment["TEST_DIFFERENTIAL"] ?? "1-150"
        let ends = given.split(separator: "-").compactMap { UInt64($0) }
        return ends[0]...ends[ends.count - 1]
    }

    @Test func rehearsalAndApplyAgree() throws {
        var (accepted, refused, shrinks) = (0, 0, true)
        for seed in Self.seeds {
            let trial = try RandomBuild(seed: seed)
            let verdict = try Self.verdict(on: trial)
            if verdict.isApplied { accepted += 1 } else { refused += 1 }
            guard let fault = verdict.fault else { continue }
            // Shrinking takes as long as a hundred seeds: the first failure is enough to work on.
            guard shrinks else {
                Issue.record("seed \(seed): \(fault)")
                continue
            }
            shrinks = false
            let small = try trial.shrunk { try Self.verdict(on: $0).fault != nil }
            Issue.record("seed \(seed): \(fault)\nthe smallest that differs: \(small.text)")
        }
        // Neither side may be a test of nothing.
        #expect(
            accepted > Self.seeds.count / 10 && refused > Self.seeds.count / 10, "\(accepted), \(refused)")
    }

    @Test func aFailureShrinksToWhatMatters() throws {
        let layer = Spec.Step.layer(role: "root", paths: nil)
        let build = Spec.Build(
            tag: try Reference("example.org/t/b0:1"), context: [layer, .imageList(patterns: ["*"])],
            kubefile: "FROM scratch\nCOPY etc .\nCOPY nothing .\nARG A=1\n")
        let other = Spec.Build(
            tag: try Reference("example.org/t/b1:1"), context: [layer], kubefile: "FROM scratch\nCOPY . .\n")
        let small = try RandomBuild(seed: 2).with([build, other]).shrunk { trial in
            try !Self.verdict(on: trial).isApplied && trial.text.contains("nothing")
        }
        #expect(small.spec.builds.count == 1)
        #expect(small.spec.builds.first?.context == [])
        #expect(small.spec.builds.first?.kubefile == "FROM scratch\nCOPY nothing .\n")
    }

    /// What rehearsal and apply make of a trial.
    struct Verdict {
        var isApplied: Bool
        /// What differs; `nil` where they agree.
        var fault: String?
    }

    static func verdict(on trial: RandomBuild) throws -> Verdict {
        let scratch = try Scratch()
        let folder = scratch.path
        defer { withExtendedLifetime(scratch) {} }
        let (rehearsed, problems) = try rehearse(trial, in: folder)
        do throws(Failure) {
            let ids = try apply(trial, in: "\(folder)/store")
            if let first = problems.first {
                return Verdict(
                    isApplied: true,
                    fault: "apply builds it, and the rehearsal refuses it: \(first.place) \(first.failure)")
            }
            if let first = try Store(at: "\(folder)/store").check().first(where: { !$0.isHarmless }) {
                return Verdict(
                    isApplied: true, fault: "the store is damaged: \(first.artifact) \(first.reason)")
            }
            let fault =
                rehearsed == ids ? nil : "the ids are \(ids), and the rehearsal says \(rehearsed ?? [:])"
            return Verdict(isApplied: true, fault: fault)
        } catch {
            return Verdict(isApplied: false, fault: problems.isEmpty ? "the rehearsal misses: \(error)" : nil)
        }
    }

    /// The mistakes that a rehearsal finds.
    static func failures(of trial: RandomBuild, in folder: String) throws -> [Failure] {
        try rehearse(trial, in: folder).problems.map(\.failure)
    }

    static func rehearse(
        _ trial: RandomBuild, in folder: String
    ) throws -> (ids: Ids?, problems: [BuildProblems.Problem]) {
        let problems = BuildProblems(gathering: true)
        let base = trial.layers.map { UnpackedLayers.Layer(id: $0.id, blob: $0.blob) }
        let layers = UnpackedLayers(
            content: trial.inputs.content, scratch: folder, roles: [PathPattern("d/f1")])
        let maker = RehearsalMaker(
            base: base, in: layers, content: trial.inputs.content, scratch: folder)
        for id in trial.base.layerIDs {
            _ = try problems.attempt(at: "base") { () throws(Failure) in try maker.tree(ofLayer: id) }
        }
        maker.list(trial.base, as: RandomBuild.baseName)
        try StaticCheck.run(trial.spec, problems: problems)
        let session = BuildSession(
            trial.inputs, base: trial.base, maker: maker, problems: problems, note: { _ in })
        func builds() throws(Failure) -> Ids {
            var ids: Ids = [:]
            for (number, build) in trial.spec.builds.enumerated() {
                let image = try session.problems.attempt(at: .build(number)) { () throws(Failure) in
                    try session.run(session.prepare(number), number: number).image
                }
                guard let image else { continue }
                maker.list(image, as: build.tag)
                ids[image.name] = [image.id] + image.layerIDs.map(\.description)
            }
            return ids
        }
        _ = try builds()
        if !problems.found.isEmpty { return (nil, problems.found) }
        maker.derive()
        maker.list(trial.base, as: RandomBuild.baseName)
        session.problems = BuildProblems(gathering: false)
        return (try builds(), [])
    }

    static func apply(_ trial: RandomBuild, in path: String) throws(Failure) -> Ids {
        let store = try Store(at: path)
        let writer = try store.writer()
        for layer in trial.layers {
            try writer.importLayer(layer.blob, from: trial.inputs.content, id: layer.id, repository: nil)
        }
        let base = try writer.register(trial.base).image
        let maker = StoreLayerMaker(writer)
        let session = BuildSession(
            trial.inputs, base: base, maker: maker, problems: BuildProblems(gathering: false), note: { _ in })
        var ids: Ids = [:]
        for number in trial.spec.builds.indices {
            let image = try maker.register(session.run(session.prepare(number), number: number).image).image
            ids[image.name] = [image.id] + image.layerIDs.map(\.description)
        }
        return ids
    }
}
