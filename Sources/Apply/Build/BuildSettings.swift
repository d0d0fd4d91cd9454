// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
package import Build
package import OCI
internal import Sealer
internal import Spec

/// How the images of a spec are built.
package struct BuildSettings: Sendable {
    /// Values of ARG by name, as `--build-arg` gives them: each goes to the builds whose Kubefile has that name.
    package var arguments: [String: String] = [:]

    /// The real sealer, which then builds in place of the native builder.
    package var sealer: SealerBuilder?

    /// Whether the commands of RUN may be executed although no trusted key has signed the bundle.
    package var allowsRun = false

    /// The native builder, with the Kubefiles' own arguments.
    package init() {}
}

extension Applier {
    /// The arguments among the settings that a Kubefile has a use for: sealer would keep every one in the image.
    func arguments(for kubefile: Kubefile) -> [String: String] {
        settings.arguments.filter { kubefile.mentions($0.key) }
    }

    /// What a build does, a line each.
    func instructions(of build: Spec.Build) throws(Failure) -> [String] {
        let kubefile = try kubefile(build)
        let arguments = kubefile.arguments.merging(arguments(for: kubefile)) { $1 }.sorted { $0.key < $1.key }
        return kubefile.instructions.map { instruction in
            instruction.keyword == .run
                ? "RUN \(instruction.value)   (a command that runs on this host)"
                : "\(instruction.keyword.rawValue) \(instruction.value)"
        }
            + arguments.map { "ARG \($0.key)" } + kubefile.commands.map { "CMD \($0)" }
            + (settings.sealer.map { ["by \($0.program)"] } ?? [])
    }

    /// The parsed Kubefile of a build.
    func kubefile(_ build: Spec.Build) throws(Failure) -> Kubefile {
        try Kubefile(parsing: build.kubefile, artifact: "the Kubefile of \(build.tag)")
    }

    /// Refuses an argument that no Kubefile has.
    func checkArguments() throws(Failure) {
        var kubefiles: [Kubefile] = []
        for build in spec.builds { kubefiles.append(try kubefile(build)) }
        for name in settings.arguments.keys.sorted() where !kubefiles.contains(where: { $0.mentions(name) }) {
            let known = Set(kubefiles.flatMap(\.arguments.keys)).sorted()
            throw Failure(
                .usage, "use the build argument", name, because: "no Kubefile of the bundle has it",
                remedy: known.isEmpty
                    ? "leave it out: no Kubefile has an ARG"
                    : "the Kubefiles have \(known.joined(separator: ", "))")
        }
    }

    /// Whether `image` was built with the arguments that hold now.
    func isCurrent(_ image: SealerImage) throws(Failure) -> Bool {
        guard let build = spec.builds.first(where: { $0.tag.description == image.name }) else {
            return true
        }
        let kubefile = try kubefile(build)
        return image.arguments.current == kubefile.arguments.merging(arguments(for: kubefile)) { $1 }
    }

    /// Writes the images that the bundle has built as archives that sealer 0.9 and later loads, into
    /// `folder`, and returns their paths.
    /// - Throws: a ``Failure`` of kind `data` where the store is damaged, `space` where there is no room.
    package func writeArchives(of receipt: Receipt, to folder: String) throws(Failure) -> [String] {
        var paths: [String] = []
        let builds = spec.builds
        for (number, build) in builds.enumerated() {
            guard receipt.images.contains(where: { $0.name == build.tag.description }),
                let image = try store.image(named: build.tag, for: platform)
            else { continue }
            let path = "\(folder)/\(Self.archiveName(build.tag, for: platform))"
            let entry = try store.images().first { $0.name == image.name && $0.id == image.id }
            events(
                .began(
                    number: number + 1, count: builds.count, title: "archive \(path)", bytes: entry?.size ?? 0
                ))
            defer { events(.ended) }
            var written: Int64 = 0
            try store.writeArchive(of: image, to: path) { total in
                events(.read(bytes: total - written))
                written = total
            }
            paths.append(path)
        }
        return paths
    }

    /// `kubernetes-rawdocker_v1.19.8_linux-amd64.tar`.
    static func archiveName(_ tag: Reference, for platform: Platform) -> String {
        let name = tag.repository.split(separator: "/").last ?? "image"
        return "\(name)_\(tag.tag ?? "latest")_\(platform.description.replacing("/", with: "-")).tar"
    }
}
