// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
package import OCI
internal import Sealer
internal import Spec

extension Applier {
    /// The commands that the builds run on this host, a line each, as far as they are not done:
    /// `docker.io/x:1, line 3: RUN make`.
    package func commands() throws(Failure) -> [String] {
        let plan = try plan()
        var commands: [String] = []
        for build in spec.builds {
            guard plan.steps.contains(where: { !$0.isDone && $0.title == Self.title(of: build) }) else {
                continue
            }
            for instruction in try kubefile(build).instructions where instruction.keyword == .run {
                commands.append("\(build.tag), line \(instruction.line): RUN \(instruction.value)")
            }
        }
        return commands
    }

    /// Whether somebody must still agree to `commands()`: a trusted signature speaks for them.
    package var needsConsent: Bool { !settings.allowsRun && bundle.signers.isEmpty }

    /// - Throws: a ``Failure`` of kind `denied` where the builds run commands without consent.
    func checkConsent() throws(Failure) {
        guard needsConsent, case let commands = try commands(), let first = commands.first else { return }
        throw Failure(
            .denied, "build", bundle.spec.name,
            because: commands.count == 1
                ? "it runs a command on this host, and you have not agreed to it: \(first)"
                : "it runs \(commands.count) commands on this host, and you have not agreed to them, the first: \(first)",
            remedy:
                "look at them with `sealift inspect`; then pass --allow-run, or the signer's key "
                + "(--key)")
    }

    /// What the step of a build is called.
    static func title(of build: Spec.Build) -> String { "build \(build.tag)" }
}
