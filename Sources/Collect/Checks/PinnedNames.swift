// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

extension Lock {
    /// Compares the digests that `save` and FROM of a spec name with the content that their names resolved to.
    /// - Throws: a `Failure` of kind `data` that lists every one that differs, with its place in the spec.
    func checkPins(of parsed: ParsedSpec) throws(Failure) {
        var faults: [String] = []
        func check(_ name: Reference, at part: SpecPath) {
            guard let digest = name.digest,
                let image = images.first(where: { name.unpinned == $0.reference.unpinned }),
                !name.means(image.reference, content: image.digests)
            else { return }
            faults.append("  \(parsed.place(of: part)): \(name.familiar) is \(image.digest), not \(digest)")
        }
        for (number, build) in parsed.spec.builds.enumerated() {
            if let from = build.from, let name = try? Reference(from, defaults: .sealer) {
                check(name, at: .build(number))
            }
            for (index, step) in build.context.enumerated() {
                if case .putSaved(_, let name) = step { check(name, at: .step(index, ofBuild: number)) }
            }
        }
        guard !faults.isEmpty else { return }
        throw Failure(
            .data, "collect", parsed.path,
            because: "digests in it are not those of the content:\n" + faults.joined(separator: "\n"),
            remedy: "find out which content is meant; then correct the digest, or pin the image in `images`")
    }
}
