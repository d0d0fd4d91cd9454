// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// What the builds of a spec take for one platform: what a bundle carries.
package struct BuildInputs: Sendable {
    /// A file of the spec.
    package struct File: Sendable {
        /// Its content.
        package var descriptor: Descriptor
        /// Where it came from; the name of a docker tarball contains its version.
        package var url: String

        /// Creates a file.
        package init(descriptor: Descriptor, url: String) {
            self.descriptor = descriptor
            self.url = url
        }
    }

    /// What is built, and how, with the platform's placeholders filled in.
    package var spec: Spec
    /// What it is built for.
    package var platform: Platform
    /// The files that serve the platform, by the spec's names.
    package var files: [String: File]
    /// The container images that serve it, the base not among them.
    package var images: [RegistryImage]
    /// Where blobs come from.
    package var content: any ContentSource
    /// What is named and missing; nothing in a bundle.
    package var absent = AbsentParts()

    /// Takes what is for `platform` of all that is carried.
    /// - Parameters:
    ///   - files: each with its name and its platform, `nil` for all.
    ///   - images: the manifests of each reference, from what it resolved to down to that of the platform; none where
    ///     there is nothing for the platform.
    /// - Throws: a ``Failure`` of kind `data` where an index does not name the manifest below it.
    package init(
        spec: Spec, platform: Platform, files: [(name: String, platform: Platform?, file: File)],
        images: [(reference: Reference, manifests: [Manifest])], content: any ContentSource
    ) throws(Failure) {
        var found: [String: File] = [:]
        for file in files where file.platform == nil || file.platform == platform {
            found[file.name] = file.file
        }
        var carried: [RegistryImage] = []
        for image in images where image.reference != spec.base?.image {
            if image.manifests.isEmpty { continue }
            carried.append(try RegistryImage(reference: image.reference, manifests: image.manifests))
        }
        self.init(spec: spec, platform: platform, files: found, images: carried, content: content)
    }

    /// Creates the inputs of one platform.
    package init(
        spec: Spec, platform: Platform, files: [String: File], images: [RegistryImage],
        content: any ContentSource
    ) {
        self.spec = spec.filled(for: platform)
        self.platform = platform
        self.files = files
        self.images = images
        self.content = content
    }

    /// The parsed Kubefile of a build.
    /// - Parameter problems: takes what is wrong with a line; `nil` to throw it.
    package static func kubefile(
        _ build: Spec.Build, problems: BuildProblems? = nil, at place: SpecPath = .build(0)
    ) throws(Failure) -> Kubefile {
        try Kubefile(parsing: build.kubefile, artifact: "the Kubefile of \(build.tag)") {
            (failure, line) throws(Failure) in
            guard let problems else { throw failure }
            try problems.note(failure, at: place, line: line)
        }
    }
}
