// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer
package import Spec
internal import YAML

/// What can be proved of the builds before anything is fetched.
package enum StaticCheck {
    /// Checks every build of `spec`; `problems` takes the mistakes.
    /// - Parameters:
    ///   - knowsImages: whether `spec` has all its images, those that its files name included.
    ///   - absent: what is known to be missing.
    package static func run(
        _ spec: Spec, problems: BuildProblems, knowsImages: Bool = true,
        without absent: AbsentParts = AbsentParts()
    ) throws(Failure) {
        for number in spec.builds.indices {
            try names(spec, number: number, problems: problems)
            if knowsImages { try images(spec, number: number, problems: problems, without: absent) }
            // What two platforms have in common is noted once.
            for spec in spec.platforms.map(spec.filled) {
                try paths(spec.builds[number], number: number, problems: problems)
                try kubefile(
                    spec, number: number, problems: problems, hasFrom: !absent.kubefiles.contains(number))
            }
        }
    }

    private static func names(_ spec: Spec, number: Int, problems: BuildProblems) throws(Failure) {
        let tag = spec.builds[number].tag
        guard tag == spec.base?.image else { return }
        let failure = Failure(
            .configuration, "build", tag.familiar,
            because: "that is the name of the base, which it would replace in the store",
            remedy: "give the build a tag of its own")
        try problems.note(failure, at: .build(number))
    }

    /// The images that steps save and list are carried, and those that are saved for every platform.
    private static func images(
        _ spec: Spec, number: Int, problems: BuildProblems, without absent: AbsentParts
    ) throws(Failure) {
        if absent.isListPartial { return }
        let known = spec.images + absent.images
        for (index, step) in spec.builds[number].context.enumerated() {
            try problems.attempt(at: .step(index, ofBuild: number)) { () throws(Failure) in
                switch step {
                case .putSaved(_, let image, _):
                    if !absent.holds(image) { try saved(image, of: spec) }
                case .imageList(let patterns):
                    for pattern in patterns
                    where ImagePattern.select(known, matching: [pattern]).isEmpty {
                        throw Failure(
                            .configuration, "write", "imageList",
                            because: "'\(pattern)' means no image of the spec",
                            remedy: "correct the pattern; `sealift collect SPEC --dry-run` lists the images")
                    }
                case .layer, .putFile, .putRepacked, .unpack, .remove, .edit, .rewrite: break
                }
            }
        }
    }

    private static func saved(_ image: Reference, of spec: Spec) throws(Failure) {
        guard let meant = spec.images.meant(by: image) else {
            throw Failure(
                .configuration, "save", image.familiar,
                because: "neither 'images' nor a file of 'imagesFrom' names it", remedy: "add it to 'images'")
        }
        let there = spec.platforms(of: meant)
        let lacking = spec.platforms.filter { !there.contains($0) }.map(\.description)
        guard !lacking.isEmpty else { return }
        throw Failure(
            .configuration, "save", image.familiar,
            because: "the spec does not carry it for \(lacking.joined(separator: ", ")), which it builds for",
            remedy: "carry it for every platform, or collect with --platform for those that have it")
    }

    private static func paths(
        _ build: Spec.Build, number: Int, problems: BuildProblems
    ) throws(Failure) {
        for (index, step) in build.context.enumerated() {
            for path in step.paths {
                try problems.attempt(at: .step(index, ofBuild: number)) { () throws(Failure) in
                    try FileNode.check(Array(path.utf8))
                }
            }
        }
    }

    private static func kubefile(
        _ spec: Spec, number: Int, problems: BuildProblems, hasFrom: Bool
    ) throws(Failure) {
        let (build, place) = (spec.builds[number], SpecPath.build(number))
        let kubefile = try BuildInputs.kubefile(build, problems: problems, at: place)
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(
                .configuration, "build from", "the Kubefile of \(build.tag)", because: reason, remedy: remedy)
        }
        do throws(Failure) {
            let base = hasFrom ? try kubefile.base(artifact: "the Kubefile of \(build.tag)") : ""
            if base.contains("$") {
                throw refuse(
                    "FROM \(base) has a variable, and sealer fills in none there",
                    remedy: "name the image itself")
            }
        } catch { try problems.note(error, at: place, line: error.kubefileLine) }
        if let command = kubefile.commands.first, command.hasPrefix("[") {
            try problems.note(
                refuse(
                    "CMD \(command) is docker's list form; sealer would split it at its commas",
                    remedy: "write the command as a shell has it: CMD kubectl apply -f etc"), at: place)
        }
        try instructions(kubefile, spec: spec, number: number, problems: problems)
    }

    private static func instructions(
        _ kubefile: Kubefile, spec: Spec, number: Int, problems: BuildProblems
    ) throws(Failure) {
        let tag = spec.builds[number].tag
        for instruction in kubefile.instructions where instruction.keyword != .from {
            try problems.attempt(at: .build(number), line: instruction.line) { () throws(Failure) in
                if instruction.keyword == .run {
                    return try variables(of: instruction, kubefile: kubefile, tag: tag)
                }
                for platform in spec.platforms {
                    let copy = try CopySources(
                        instruction, architecture: platform.architecture, artifact: "the Kubefile of \(tag)")
                    guard copy.destination.contains("$") else { continue }
                    throw Failure(
                        .configuration, "build from", "the Kubefile of \(tag)",
                        because:
                            "line \(instruction.line): COPY to \(copy.destination): sealer fills in no variable in a destination",
                        remedy: "write the path itself")
                }
            }
        }
    }
}

extension StaticCheck {
    /// Refuses a RUN with a variable that is no argument: sealer makes it empty before a shell sees it.
    private static func variables(
        of run: Kubefile.Instruction, kubefile: Kubefile, tag: Reference
    ) throws(Failure) {
        let unknown = Set(try ShellLexer.expand(run.value, values: kubefile.arguments).unknown).sorted()
        guard let name = unknown.first else { return }
        throw Failure(
            .configuration, "build from", "the Kubefile of \(tag)",
            because: "line \(run.line): RUN uses \(unknown.map { "$\($0)" }.joined(separator: ", ")), "
                + "which no ARG declares: sealer makes it empty before the shell sees it",
            remedy:
                "write \\$\(name) to leave it to the shell, or declare an argument of that name with ARG NAME=VALUE"
        )
    }
}

extension Failure {
    /// The line of a Kubefile that the reason names.
    fileprivate var kubefileLine: Int? {
        reason.firstRange(of: "line ").flatMap { Int(reason[$0.upperBound...].prefix { $0.isNumber }) }
    }
}
