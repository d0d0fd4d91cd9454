// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Sealer
import Spec
import Testing

@testable import Build

/// What a rehearsal accepts an apply builds with the same ids, and what an apply refuses a rehearsal has refused.
///
/// `SEALIFT_DIFFERENTIAL=FIRST-LAST` tries these seeds; 1 to 150 if it is not set.
@Suite(.enabled(if: geteuid() == 0)) struct DifferentialTests {
    /// An image's id and its layers, by name.
    typealias Ids = [String: [String]]

    static var seeds: ClosedRange<UInt64> {
        let given = ProcessInfo.processInfo.environment["SEALIFT_DIFFERENTIAL"] ?? "1-150"
        let ends = given.split(separator: "-").compactMap { UInt64($0) }
        return ends[0]...ends[ends.count - 1]
    }

    @Test func rehearsalAndApplyAgree() throws {
        var (accepted, refused) = (0, 0)
        for seed in Self.seeds {
            let trial = try RandomBuild(seed: seed)
            let folder = FileManager.default.temporaryDirectory.appending(path: "differential-\(UUID())")
                .path()
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let (rehearsed, problems) = try Self.rehearse(trial, in: folder)
            let applied: Result<Ids, Failure>
            do throws(Failure) { applied = .success(try Self.apply(trial, in: "\(folder)/store")) } catch {
                applied = .failure(error)
            }
            switch applied {
            case .success(let ids):
                accepted += 1
                #expect(
                    problems == [],
                    "seed \(seed): apply builds this, and the rehearsal refuses it\n\(trial.text)")
                #expect(rehearsed == ids, "seed \(seed)\n\(trial.text)")
            case .failure(let failure):
                refused += 1
                #expect(problems != [], "seed \(seed): the rehearsal misses: \(failure)\n\(trial.text)")
            }
        }
        // Neither side may be a test of nothing.
        #expect(
            accepted > Self.seeds.count / 10 && refused > Self.seeds.count / 10, "\(accepted), \(refused)")
    }

    static func rehearse(_ trial: RandomBuild, in folder: String) throws -> (Ids?, [String]) {
        let problems = BuildProblems(gathering: true)
        let blobs = Dictionary(trial.layers.map { ($0.id, $0.blob) }) { first, _ in first }
        let maker = RehearsalMaker(base: blobs, content: trial.inputs.content, scratch: folder)
        for id in trial.base.layerIDs {
            _ = try problems.attempt(at: "base") { () throws(Failure) in try maker.tree(ofLayer: id) }
        }
        maker.list(trial.base, as: RandomBuild.baseName)
        try StaticCheck.run(trial.spec, problems)
        let session = BuildSession(
            trial.inputs, base: trial.base, maker: maker, problems: problems, note: { _ in })
        func builds() throws(Failure) -> Ids {
            var ids: Ids = [:]
            for (number, build) in trial.spec.builds.enumerated() {
                let image = try session.problems.attempt(at: .build(number)) { () throws(Failure) in
                    try session.run(session.prepare(number), number).image
                }
                guard let image else { continue }
                maker.list(image, as: build.tag)
                ids[image.name] = [image.id] + image.layerIDs.map(\.description)
            }
            return ids
        }
        _ = try builds()
        if !problems.found.isEmpty { return (nil, problems.found.map { "\($0.place): \($0.failure)" }) }
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
            let image = try maker.register(session.run(session.prepare(number), number).image).image
            ids[image.name] = [image.id] + image.layerIDs.map(\.description)
        }
        return ids
    }
}
