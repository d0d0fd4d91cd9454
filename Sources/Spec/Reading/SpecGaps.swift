// SPDX-License-Identifier: Apache-2.0
package import OCI

/// The mistakes of a spec, and what is not known because of them: what was read of the spec in spite of them can still be
/// proved, and what follows from a mistake is not one more.
package struct SpecGaps: Sendable {
    /// The mistakes, in the order of their place.
    package internal(set) var problems: [SpecDiagnostic] = []
    /// Files that are named and are not to be had: with a mistake, or not in `files`.
    package internal(set) var files: Set<String> = []
    /// Images that are named and are not to be had: with a mistake, or not in `images`.
    package internal(set) var images: Set<Reference> = []
    /// Whether `images`, `notImages` or `charts` have an entry that is not understood, which may be any image.
    package internal(set) var lacksImages = false
    /// Layers of the base that are named and not known.
    package internal(set) var roles: Set<String> = []
    /// Whether there is a base, and its image is not known.
    package internal(set) var lacksBase = false
    /// Steps that are not there, or not as they are meant; of one that was left out, its number is that of the next.
    package internal(set) var steps: Set<SpecPath> = []
    /// Builds whose tag is not known: they have a name of no meaning.
    package internal(set) var tags: Set<Int> = []
    /// Builds whose Kubefile, or its FROM, is not known.
    package internal(set) var kubefiles: Set<Int> = []

    /// No mistake.
    package init() {}

    /// The failure that reports them.
    package func failure(path: String) -> Failure {
        let shown = problems.prefix(20).map { "\n  \($0)" }.joined()
        let more = problems.count > 20 ? "\n  and \(problems.count - 20) more" : ""
        return Failure(
            .configuration, "read the spec", path,
            because: problems.count == 1
                ? "\(problems[0])" : "\(problems.count) mistakes:\(shown)\(more)",
            remedy: "fix the spec at the place shown; bundles/README.md explains every key")
    }
}
