// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Spec

/// Which RUN a collect executes, as `--rehearse-run` asks for.
struct RunCoverage: Sendable {
    /// Whether it is asked for.
    let isAsked: Bool

    /// Whether the RUN of builds for `platform` are executed: where this host has its programs.
    func isExecuted(for platform: Platform) -> Bool { isAsked && platform.runs(.host) }

    /// Refuses what this user or this host cannot do.
    /// - Throws: a ``Failure`` of kind `denied` for a user who is not root, `usage` where no platform is this host's.
    func check(_ spec: Spec) throws(Failure) {
        guard isAsked, !Self.withRun(spec).isEmpty else { return }
        guard geteuid() == 0 else {
            throw Failure(
                .denied, "execute RUN for", spec.name,
                because: "confining it needs root",
                remedy: "run it as root, or without --rehearse-run: the outcome then leaves these images out")
        }
        guard spec.platforms.contains(where: isExecuted) else {
            throw Failure(
                .usage, "execute RUN for", spec.platforms.map(\.description).joined(separator: ", "),
                because: "this host is \(Platform.host), and RUN uses the programs of the host",
                remedy: "leave out --rehearse-run, or collect on a host of that platform")
        }
    }

    /// Whether `outcome` covers what this would cover, so that a bundle which has it need not be made again.
    func isMet(by outcome: BuildOutcome?, of spec: Spec) -> Bool {
        guard let outcome else { return true }
        return spec.platforms.allSatisfy { platform in
            Self.withRun(spec).allSatisfy { tag in
                let gap = outcome.image(tag, for: platform)?.uncovered
                return gap == .delta || (gap == nil) == isExecuted(for: platform)
            }
        }
    }

    /// The builds that have a RUN of their own.
    private static func withRun(_ spec: Spec) -> [Reference] {
        spec.builds.filter { build in
            let kubefile = try? BuildInputs.kubefile(build)
            return kubefile?.instructions.contains { $0.keyword == .run } ?? false
        }.map(\.tag)
    }
}

/// `path` as it is from the root.
func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return String(cString: here) + "/" + path
}
