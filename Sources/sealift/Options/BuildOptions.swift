// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import BundleFormat
internal import Glibc
internal import OCI

/// Whether the RUN of a bundle's Kubefiles may be executed.
struct RunConsent: ParsableArguments {
    @Flag(
        help:
            "Execute the RUN commands of a bundle that no trusted key has signed; without it, a terminal asks and nothing else runs them."
    )
    var allowRun = false
}

/// How apply builds, and what it writes besides the store.
struct BuildOptions: ParsableArguments {
    @Option(
        name: .customLong("build-arg"),
        help: ArgumentHelp(
            "Set an ARG of the Kubefiles; it is kept in the image, so no place for a password.",
            valueName: "name=value"))
    var arguments: [String] = []
    @Option(help: "What builds: native, or sealer, the real one, of the 0.8 line.")
    var builder = Builder.native
    @Option(help: "The program of --builder sealer. (default: sealer in PATH)", completion: .file())
    var sealer: String?
    @Option(
        help: ArgumentHelp(
            "Also write each built image as an archive that sealer 0.9 and later loads, into this folder or here.",
            valueName: "oci-archive[:folder]"))
    var output: String?

    @OptionGroup var consent: RunConsent

    /// Who builds.
    enum Builder: String, CaseIterable, ExpressibleByArgument { case native, sealer }

    func validate() throws {
        guard sealer == nil || builder == .sealer else {
            throw ValidationError("--sealer goes with --builder sealer")
        }
        guard arguments.allSatisfy({ ($0.firstIndex(of: "=") ?? $0.startIndex) > $0.startIndex }) else {
            throw ValidationError("--build-arg takes NAME=VALUE")
        }
        guard output == nil || archiveFolder != nil else {
            throw ValidationError("--output takes oci-archive or oci-archive:FOLDER")
        }
    }

    /// Where the archives go; `nil` for none.
    var archiveFolder: String? {
        guard let output, output == "oci-archive" || output.hasPrefix("oci-archive:") else { return nil }
        let folder = output.dropFirst(12)
        return folder.isEmpty ? "." : String(folder)
    }

    /// Refuses a folder for archives into which none can be written, before anything is built.
    /// - Throws: a ``Failure`` of kind `input` where it is not there or is not a folder, `denied` where it is closed.
    func checkArchiveFolder() throws(Failure) {
        guard let folder = archiveFolder else { return }
        _ = try Folder.open(folder)
        guard access(folder, W_OK | X_OK) == 0 else {
            throw Failure.system("write archives into", artifact: folder)
        }
    }

    /// The settings of the pipeline.
    /// - Throws: a ``Failure`` of kind `input` where there is no sealer to build with.
    func settings(for bundle: Bundle) throws(Failure) -> BuildSettings {
        var settings = BuildSettings()
        settings.allowsRun = consent.allowRun
        if builder == .sealer { settings.sealer = try RealSealer.builder(sealer, for: bundle) }
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            settings.arguments[String(parts[0])] = String(parts[1])
        }
        return settings
    }
}
