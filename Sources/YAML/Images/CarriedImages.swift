// SPDX-License-Identifier: Apache-2.0
package import OCI

/// The images that count wherever they are named: what a spec or a bundle carries.
package struct CarriedImages: Sendable {
    private struct Image: Sendable {
        let reference: Reference
        let content: [Digest]
    }

    /// By domain and repository, as a text of some megabytes may hold thousands of names.
    private var images: [String: [Image]] = [:]

    /// Creates a set of images of which only the names are known.
    package init(_ references: some Sequence<Reference> = []) {
        for reference in references { add(reference) }
    }

    /// Adds an image.
    /// - Parameter content: the digests that it answers to, where they are known: then a name that is pinned to
    ///   another digest does not mean it.
    package mutating func add(_ reference: Reference, content: [Digest] = []) {
        images[Self.key(reference), default: []].append(Image(reference: reference, content: content))
    }

    /// Whether there are none.
    package var isEmpty: Bool { images.isEmpty }

    /// Whether one of them is what `reference` means.
    package func contains(_ reference: Reference) -> Bool {
        guard !images.isEmpty, let found = images[Self.key(reference)] else { return false }
        return found.contains { reference.means($0.reference, content: $0.content) }
    }

    /// Whether one of them has the name of `reference`, with any tag or digest.
    package func containsName(of reference: Reference) -> Bool { images[Self.key(reference)] != nil }

    private static func key(_ reference: Reference) -> String {
        reference.domain + "/" + reference.repository
    }
}
