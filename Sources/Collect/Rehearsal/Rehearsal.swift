// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Sealer
internal import Spec
internal import YAML

/// Runs the builds of a spec on the connected host, by the code that runs them on the isolated one: first to prove them,
/// with the base's layers and the files at hand, then, with all content, to derive the ids that an apply must give.
// Unchecked: one thread at a time uses it; the collector awaits each call.
final class Rehearsal: @unchecked Sendable {
    let parsed: ParsedSpec
    let images: [BundleImage]
    private let files: [Lock.File]
    let content: any ContentSource
    private let scratch: String
    /// Whether RUN is executed where this host can.
    let executesRun: Bool
    /// Whether the bundle leaves out what the isolated host has.
    let isDelta: Bool
    private let note: (String) -> Void
    private(set) var stages: [Stage] = []
    private let unpacked: UnpackedLayers
    private let faults: SpecFaults
    private var problems: [BuildProblems.Problem]
    private var findings: [SpecFinding] = []
    private var seen: Set<String> = []

    /// The builds for one platform.
    struct Stage {
        let platform: Platform
        let base: SealerImage?
        let maker: RehearsalMaker
        let session: BuildSession
        /// What the base's layers lack, where a delta leaves them out.
        let isComplete: Bool
    }

    var spec: Spec { parsed.spec }

    /// - Parameters:
    ///   - images: the base and the images that are carried.
    ///   - content: what has been fetched so far.
    ///   - scratch: an existing folder for files that have no name any more once they are made.
    ///   - faults: the mistakes that were found before.
    init(
        _ parsed: ParsedSpec, images: [BundleImage], files: [Lock.File], content: any ContentSource,
        scratch: String, faults: SpecFaults, executesRun: Bool, isDelta: Bool,
        note: @escaping (String) -> Void
    ) {
        self.faults = faults
        self.executesRun = executesRun
        self.isDelta = isDelta
        problems = faults.problems
        self.parsed = parsed
        self.images = images
        self.files = files
        self.content = content
        self.scratch = scratch
        self.note = note
        let selectors = parsed.spec.platforms.flatMap { platform in
            (parsed.spec.filled(for: platform).base?.layers ?? [:]).values.map {
                ($0, $0.id[platform.description])
            }
        }
        unpacked = UnpackedLayers(
            content: content, scratch: scratch,
            roles: Set(selectors.compactMap(\.0.holds)).map { PathPattern($0) },
            whole: Set(selectors.filter { $0.0.holds == nil }.compactMap(\.1)))
    }

    // MARK: proving

    /// Proves every build for every platform as far as the base, the files and the configs of images show it.
    /// - Parameter executesRun: whether RUN is executed, where all that it is over is at hand.
    /// - Throws: a ``Failure`` that lists all mistakes with their places in the spec.
    func prove(executingRun executesRun: Bool = false) throws(Failure) {
        for (image, manifest) in containers where !faults.has(place(of: image)) {
            let gathered = BuildProblems(gathering: true)
            _ = try gathered.attempt(at: place(of: image)) { () throws(Failure) in
                try layers(of: manifest, image)
            }
            problems += gathered.found
        }
        for platform in spec.platforms {
            let stage = try stage(for: platform)
            stages.append(stage)
            stage.maker.executesWhileProving = executesRun
            if stage.isComplete {
                try prove(stage)
            } else {
                tell(
                    "the base's layers for \(platform) are left out of the delta and not at hand: the builds are not checked here"
                )
            }
        }
        try report()
    }

    /// Prepares a platform. A base that is wrong or not at hand is a mistake: the builds are proved as far as they do
    /// without it.
    private func stage(for platform: Platform) throws(Failure) -> Stage {
        let gathered = BuildProblems(gathering: true)
        defer { problems += gathered.found.map { $0.of(platform) } }
        var absent = faults.absent
        var found: (image: SealerImage, layers: [UnpackedLayers.Layer])?
        if let reference = spec.base?.image, !absent.isBaseMissing {
            found = try gathered.attempt(at: "base") { () throws(Failure) in
                try self.base(reference, for: platform)
            }
        }
        var base = found?.image
        let layers = found?.layers ?? []
        let runs = RunCoverage(isAsked: executesRun).isExecuted(for: platform)
        let maker = RehearsalMaker(
            base: layers, in: unpacked, content: content, scratch: scratch,
            runner: runs ? RunRehearsal(in: "\(absolute(scratch))/run-\(stages.count)") : nil)
        let isComplete = layers.allSatisfy { (try? content.open($0.blob)) != nil }
        for failure in isComplete ? unpacked.unpack(layers) : [] { try gathered.note(failure, at: "base") }
        if !gathered.found.isEmpty { (base, absent.isBaseMissing) = (nil, true) }
        if let base, isComplete {
            absent.roles.formUnion(try wrongRoles(of: base, for: platform, maker: maker, gathered: gathered))
        }
        if let base { maker.list(base, as: spec.base!.image.unpinned) }
        var inputs = try BuildInputs(
            spec: spec, platform: platform,
            files: files.map { ($0.name, $0.platform, .init(descriptor: $0.descriptor, url: $0.url)) }
                + images.chartFiles(of: spec).map {
                    ($0.name, nil, .init(descriptor: $0.descriptor, url: ""))
                },
            images: images.map { ($0.reference, $0.manifests(leadingTo: platform)) }, content: content)
        inputs.absent = absent
        let session = BuildSession(
            inputs, base: base, maker: maker, problems: gathered, note: { [self] in tell($0) })
        session.smallLayers = Set(
            layers.filter { $0.blob.size <= ImageListCheck.largestProbe }.map(\.id))
        return Stage(
            platform: platform, base: base, maker: maker, session: session, isComplete: isComplete)
    }

    /// The base, as an apply lists it, and its layers.
    private func base(
        _ reference: Reference, for platform: Platform
    ) throws(Failure) -> (image: SealerImage, layers: [UnpackedLayers.Layer]) {
        guard let manifest = images.first(where: { $0.reference == reference })?.instance(for: platform),
            case .image(let config, _) = manifest.content
        else { throw Failure(.data, "find the base", reference.familiar, because: "it is an index") }
        let bytes = try content.bytes(of: config)
        let layers = try BaseLayers(reference, platform: platform, manifest: manifest, config: bytes).layers
        let image = try SealerImage(config: bytes, artifact: reference.familiar)
        if !image.id.isEmpty, image.id != image.computedID {
            tell(
                "the base \(reference.familiar) states the id \(image.id); stores list it under \(image.computedID), which follows from its content"
            )
        }
        return (image.listed(as: reference.unpinned), layers)
    }

    private func prove(_ stage: Stage) throws(Failure) {
        let (session, gathered) = (stage.session, BuildProblems(gathering: true))
        session.problems = gathered
        var listed: Set<Reference> = present(stage)
        for (number, build) in spec.builds.enumerated() {
            stage.maker.begin()
            let lite = try gathered.attempt(at: .build(number)) { () throws(Failure) in
                try session.prepare(number)
            }
            guard let lite else { continue }
            let known = gathered.found.count
            let outcome = try gathered.attempt(at: .build(number)) { () throws(Failure) in
                try session.run(lite, number: number)
            }
            // An image list that a build brings itself counts, and so do the images of what it is built from.
            listed.formUnion(outcome?.saved ?? [])
            try compare(
                session, number: number, present: listed, isResolved: gathered.found.count == known)
            for case .imageList(let patterns) in build.context {
                listed.formUnion(ImagePattern.select(spec.images, matching: patterns))
            }
            if let outcome { stage.maker.list(outcome.image, as: build.tag) }
        }
        problems += gathered.found.map { $0.of(stage.platform) }
        tellGaps(stage)
    }

    /// Says what the mistakes that were found before keep from being proved.
    private func tellGaps(_ stage: Stage) {
        let absent = stage.session.inputs.absent
        if absent.isBaseMissing {
            tell(
                "the base is not at hand: what its layers hold is not proved, and what takes, edits or copies files of it"
            )
        }
        for (number, build) in spec.builds.enumerated() where absent.concerns(number, of: spec) {
            tell("\(build.tag.familiar) is proved only as far as it does without what has mistakes")
        }
    }

    /// The roles that mean no layer of the base, whether a step uses them or not.
    private func wrongRoles(
        of base: SealerImage, for platform: Platform, maker: RehearsalMaker, gathered: BuildProblems
    ) throws(Failure) -> [String] {
        var wrong: [String] = []
        let layers = spec.filled(for: platform).base?.layers ?? [:]
        for (role, selector) in layers.sorted(by: { $0.key < $1.key }) {
            let isMeant: Void? = try gathered.attempt(at: .role(role)) { () throws(Failure) in
                let candidates = selector.id[platform.description].map { [$0] } ?? base.layerIDs
                for id in candidates where base.layerIDs.contains(id) {
                    guard let path = selector.holds else { return }
                    if PathPattern(path).holds(in: try maker.tree(ofLayer: id)) { return }
                }
                throw Failure(
                    .input, "find the layer '\(role)' of", spec.base!.image.familiar,
                    because: selector.holds.map { "no layer that may be meant holds \($0)" }
                        ?? "the base has no layer with the pinned id",
                    remedy:
                        "look into the base with `sealift inspect`, and correct base.layers.\(role) in the spec"
                )
            }
            if isMeant == nil { wrong.append(role) }
        }
        return wrong
    }

    /// The images that the base's own registry storage has.
    private func present(_ stage: Stage) -> Set<Reference> {
        var found: Set<Reference> = []
        for id in stage.base?.layerIDs ?? [] {
            guard let root = try? stage.maker.tree(ofLayer: id),
                let top = (try? root.find(Array("registry/docker/registry/v2/repositories".utf8))) ?? nil
            else { continue }
            var pending = [("", top)]
            while let (path, folder) = pending.popLast() {
                for (name, child) in folder.children where child.isFolder {
                    let text = String(decoding: name, as: UTF8.self)
                    if text != "_manifests" {
                        if !text.hasPrefix("_") {
                            pending.append((path.isEmpty ? text : "\(path)/\(text)", child))
                        }
                        continue
                    }
                    for tag in child.children[Array("tags".utf8)]?.names ?? [] {
                        let reference = "\(spec.registry)/\(path):\(String(decoding: tag, as: UTF8.self))"
                        if let reference = try? Reference(reference) { found.insert(reference) }
                    }
                }
            }
        }
        return found
    }

    /// Compares the YAML that a build ships with the images that it lists.
    /// - Parameter isResolved: whether the build has found all that it looks for below `manifests/`: by lines, as sealer
    ///   does, so that an image in braces on one line is found here only.
    private func compare(
        _ session: BuildSession, number: Int, present: Set<Reference>, isResolved: Bool
    ) throws(Failure) {
        // With a list that is not known, what it leaves out is not either.
        let absent = session.inputs.absent
        if absent.isListPartial || absent.isBaseMissing || absent.hasFaultyStep(number, of: spec) { return }
        for isNamed in [true, false] {
            var files: [ShippedFile] = []
            for file in session.shipped
            where file.isNamed == isNamed && (isResolved || !file.path.hasPrefix("manifests/")) {
                guard
                    let bytes = try? file.node.bytes(limit: ImageListCheck.largestFile, artifact: file.path),
                    (try? ImageScan.yaml(bytes, path: file.path, known: CarriedImages(spec.images))) != nil
                else { continue }
                files.append(ShippedFile(path: file.path, bytes: bytes))
            }
            if files.isEmpty { continue }
            let found = try ImageListLint.findings(
                ofBuild: number, in: parsed, shipped: files, present: present.union(absent.images),
                doubts: isNamed ? .warning : .note)
            for finding in found where finding.severity != .note {
                // A whole layer of the base may hold YAML that is never applied.
                if finding.severity == .warning || !isNamed {
                    tell("\(finding)")
                } else {
                    findings.append(finding)
                }
            }
        }
    }

    private func tell(_ text: String) { if seen.insert(text).inserted { note(text) } }

    private func report() throws(Failure) {
        // A step or a role that is wrong already is so in every further respect.
        let builds = Set(spec.builds.indices.map(SpecPath.build))
        let settled = Set(faults.problems.map(\.place)).subtracting(builds)
        let known = faults.problems.count
        let more = problems.dropFirst(known).filter { !settled.contains($0.place) }
        try Mistakes(parsed, problems: problems.prefix(known) + more, findings: findings).report()
    }
}
