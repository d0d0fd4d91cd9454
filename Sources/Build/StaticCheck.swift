// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer
package import Spec

/// What can be proved of the builds before anything is fetched.
package enum StaticCheck {
    /// Checks every build of `spec`; `problems` takes the mistakes.
    package static func run(_ spec: Spec, problems: BuildProblems) throws(Failure) {
        for number in spec.builds.indices {
            try names(spec, number: number, problems: problems)
            // What two platforms have in common is noted once.
            for spec in spec.platforms.map(spec.filled) {
                try paths(spec.builds[number], number: number, problems: problems)
                try kubefile(spec, number: number, problems: problems)
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
        _ spec: Spec, number: Int, problems: BuildProblems
    ) throws(Failure) {
        let (build, place) = (spec.builds[number], SpecPath.build(number))
        let kubefile = try BuildInputs.kubefile(build, problems: problems, at: place)
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(
                .configuration, "build from", "the Kubefile of \(build.tag)", because: reason, remedy: remedy)
        }
        do throws(Failure) {
            let base = try kubefile.base(artifact: "the Kubefile of \(build.tag)")
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
        let unknown = Set(try ShellWord.expand(run.value, values: kubefile.arguments).unknown).sorted()
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
