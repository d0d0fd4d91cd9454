// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec

extension Rehearsal {
    /// Derives the ids of all images, once all content is at hand.
    func derive() throws(Failure) -> BuildOutcome? {
        if spec.base == nil, spec.builds.isEmpty { return nil }
        var images: [BuildOutcome.Image] = []
        for stage in stages { images += try derive(stage) }
        return BuildOutcome(images: images)
    }

    private func derive(_ stage: Stage) throws(Failure) -> [BuildOutcome.Image] {
        let (maker, session, platform) = (stage.maker, stage.session, stage.platform)
        let runs = RunCoverage(isAsked: executesRun).isExecuted(for: platform) ? [] : maker.withRun
        maker.derive()
        session.problems = BuildProblems(gathering: false)
        var images: [BuildOutcome.Image] = []
        if let base = stage.base, let name = spec.base?.image.unpinned {
            maker.list(base, as: name)
            images.append(.init(name: name, platform: platform, id: base.id, layers: base.layerIDs))
        }
        for (number, build) in spec.builds.enumerated() {
            guard !runs.contains(build.tag), stage.isComplete else {
                let gap: BuildOutcome.Gap = stage.isComplete ? .run : .delta
                images.append(.init(name: build.tag, platform: platform, uncovered: gap))
                continue
            }
            do throws(Failure) {
                maker.begin()
                let image = try session.run(session.prepare(number), number: number).image
                maker.list(image, as: build.tag)
                images.append(
                    .init(name: build.tag, platform: platform, id: image.id, layers: image.layerIDs))
            } catch {
                // What a delta leaves out is on the isolated host, and nowhere here.
                if let mistake = session.problems.thrown, mistake.failure == error,
                    !(isDelta && error.kind == .input)
                {
                    try Mistakes(parsed, problems: [mistake]).report()
                }
                guard isDelta, error.kind == .input else { throw error }
                images.append(.init(name: build.tag, platform: platform, uncovered: .delta))
            }
        }
        return images
    }
}
