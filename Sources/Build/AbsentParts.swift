// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// What a spec names and is not at hand: a mistake that is reported by itself, so that what needs it is not judged.
package struct AbsentParts: Sendable {
    /// Images, as the spec names them.
    package var images: Set<Reference> = []
    /// Files, by the spec's names.
    package var files: Set<String> = []
    /// Layers of the base, by their roles.
    package var roles: Set<String> = []
    /// Whether the base is missing, with all that its layers hold.
    package var isBaseMissing = false
    /// Whether an image may be carried that is not known here.
    package var isListPartial = false
    /// Steps that are missing before, or not as they are meant at, these.
    package var steps: Set<SpecPath> = []
    /// Builds whose Kubefile is not known, or does not say what it builds from.
    package var kubefiles: Set<Int> = []

    /// Nothing is absent.
    package init() {}

    /// What the mistakes of a spec have made unknown.
    package init(_ gaps: SpecGaps) {
        (images, files, roles) = (gaps.images, gaps.files, gaps.roles)
        (isBaseMissing, isListPartial) = (gaps.lacksBase, gaps.lacksImages)
        (steps, kubefiles) = (gaps.steps, gaps.kubefiles)
    }

    /// Whether it is what `mention` means.
    func holds(_ mention: Reference) -> Bool {
        images.contains { mention.moved(to: $0.domain).unpinned == $0.unpinned }
    }

    /// Whether a step reads it.
    func isRead(by step: Spec.Step) -> Bool {
        switch step {
        case .layer(let role, _): isBaseMissing || roles.contains(role)
        case .putFile(_, let name, _), .putRepacked(_, let name, _), .unpack(_, let name, _, _):
            files.contains(name)
        case .putSaved(_, let image, _): holds(image)
        case .remove, .edit, .rewrite, .imageList: false
        }
    }

    /// Whether something is missing that a build takes, or may take: it is proved only as far as it does without.
    package func concerns(_ number: Int, of spec: Spec) -> Bool {
        let build = spec.builds[number]
        return isListPartial || kubefiles.contains(number) || build.context.contains(where: isRead)
            || hasFaultyStep(number, of: spec)
    }

    /// Whether a step of a build is missing, or not as it is meant.
    package func hasFaultyStep(_ number: Int, of spec: Spec) -> Bool {
        (0...spec.builds[number].context.count).contains { steps.contains(.step($0, ofBuild: number)) }
    }
}
