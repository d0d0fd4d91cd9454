// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

extension Lock {
    /// Compares the digests that `save` and FROM of a spec name with the content that their names resolved to.
    /// - Returns: every one that differs, with its place in the spec.
    func pinFaults(of parsed: ParsedSpec) -> [(place: SpecPath, failure: Failure)] {
        var faults: [(place: SpecPath, failure: Failure)] = []
        func check(_ name: Reference, at part: SpecPath) {
            guard let digest = name.digest,
                let image = images.first(where: { name.unpinned == $0.reference.unpinned }),
                !name.means(image.reference, content: image.digests)
            else { return }
            let failure = Failure(
                .data, "collect", name.familiar, because: "its content is \(image.digest), not \(digest)",
                remedy:
                    "find out which content is meant; then correct the digest, or pin the image in `images`")
            faults.append((part, failure))
        }
        for (number, build) in parsed.spec.builds.enumerated() {
            if let from = build.from, let name = try? Reference(from, defaults: .sealer) {
                check(name, at: .build(number))
            }
            for (index, step) in build.context.enumerated() {
                if case .putSaved(_, let name, _) = step { check(name, at: .step(index, ofBuild: number)) }
            }
        }
        return faults
    }
}
