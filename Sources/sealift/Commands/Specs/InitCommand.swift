// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import OCI

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a first spec with comments, to be changed.",
        discussion: """
            Never overwrites a file. What is in it is an example that works: change names and versions to yours.

            EXAMPLES:
              sealift init                            # mirror.yaml: images and files
              sealift init --kind docker -o k8s.yaml  # a sealer base image
              sealift init --kind chart -o -          # a Helm chart, to stdout
            """)

    /// What a first spec is for.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case mirror, docker, containerd, chart, `operator`

        /// The text, as it is in `Sources/sealift/FirstSpecs`.
        var text: String {
            let bytes =
                switch self {
                case .mirror: PackageResources.mirror_yaml
                case .docker: PackageResources.docker_yaml
                case .containerd: PackageResources.containerd_yaml
                case .chart: PackageResources.chart_yaml
                case .operator: PackageResources.operator_yaml
                }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Option(
        help:
            "What it carries: mirror, images and files; docker, containerd, a sealer image with upstream's own; chart, a Helm chart; operator, YAML with its images."
    )
    var kind = Kind.mirror
    @OptionGroup var target: SpecTarget
    @OptionGroup var words: OutputOptions

    func run() async throws {
        try await target.write(kind.text, or: "\(kind.rawValue).yaml")
    }
}

/// Where a new spec goes.
struct SpecTarget: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where the spec goes; - for standard output.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var output: String?

    /// Writes a spec where nothing is yet, or to standard output.
    /// - Parameter usual: where it goes if no option says; `nil` for standard output.
    func write(_ text: String, or usual: String?) async throws(Failure) {
        guard let path = output ?? usual, path != "-" else { return Console.printText(text) }
        try await onThread { () throws(Failure) in
            guard access(path, F_OK) != 0 else {
                throw Failure(
                    .space, "create", path, because: "it is there already",
                    remedy: "name another file with -o, or remove it first")
            }
            try AtomicWrite.create(Array(text.utf8), at: path, mode: 0o644)
        }
        Console.say(
            "\(path): a new spec; `sealift check \(path)` proves it, `sealift collect \(path)` makes its bundle"
        )
    }
}
