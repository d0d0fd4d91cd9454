// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI
internal import Synchronization

struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Copy a bundle to a medium or from one, and prove what is there.",
        discussion: """
            Before it begins it says what will not fit. Every byte is verified while it is read, and again as the medium gives \
            it back; only then the copy gets its name. Killed or cut off, the same command resumes. What belongs to the \
            bundle goes with it: its signatures (.sig), its origin (.provenance.json) and its SBOM (.spdx.json). Volumes are joined \
            where the file system holds one file of that size, unless --volume-size is given.

            EXAMPLES:
              sealift copy k8s.sealift /media/usb
              sealift copy k8s.sealift /media/usb --volume-size 4GB      # for FAT32
              sealift copy /media/usb/k8s.sealift /srv/bundles --key ops.pub
            """)

    @Argument(help: "The bundle, or the first of its volumes.", completion: .file())
    var bundle: String
    @Argument(
        help: ArgumentHelp("The folder that it goes to, which is there.", valueName: "folder"),
        completion: .directory)
    var folder: String
    @Option(
        help: ArgumentHelp(
            "Split the copy into files of this size at most, BUNDLE.001 and so on: 4GB, 700MiB, a number of bytes.",
            valueName: "size"), transform: { try ByteSize($0).bytes })
    var volumeSize: Int64?
    @Flag(help: "Print the outcome as JSON.")
    var json = false
    @OptionGroup var keys: KeyOptions
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let bundle = try await onThread { () throws(Failure) in
            try Bundle(opening: self.bundle, trusting: try keys.trust())
        }
        let display = Display(size: bundle.size)
        defer { display.finish() }
        let outcome = try await onThread { () throws(Failure) in
            let copy = try BundleCopy(of: bundle, to: folder, volumeSize: volumeSize)
            return try copy.run { display.show($0, bytes: $1) }
        }
        display.finish()
        for path in outcome.removed {
            Console.say("\(path): removed, as it belongs to the older bundle that was there")
        }
        if json { return try Console.printJSON(outcome, schema: "copy/1") }
        Console.say(describe(outcome))
        Console.print("\(outcome.digest)  \(outcome.files[0].path)")
    }

    private func describe(_ outcome: BundleCopy.Outcome) -> String {
        let found =
            outcome.unchanged
            ? "was there already" : outcome.found > 0 ? "\(outcome.found.asBytes) of it were there" : "copied"
        let proof =
            outcome.fromMedium
            ? "every byte was read back from the medium"
            : "every byte was read back; some of it may have come from memory, not from the medium"
        let count = outcome.files.count
        return
            "\(outcome.files[0].path): \(outcome.size.asBytes), \(count == 1 ? "one file" : "\(count) files"), \(found); \(proof). Unmount it before you take it out"
    }

    /// A bar for each step.
    private final class Display: Sendable {
        private let size: Int64
        private let shown = Mutex<(step: BundleCopy.Step, progress: Progress)?>(nil)

        init(size: Int64) { self.size = size }

        func show(_ step: BundleCopy.Step, bytes: Int64) {
            let progress = shown.withLock { shown in
                if let shown, shown.step == step { return shown.progress }
                shown?.progress.finish()
                let progress = Progress(step == .writing ? "copy" : "read back", total: size)
                shown = (step, progress)
                return progress
            }
            progress.reach(bytes)
        }

        func finish() { shown.withLock { $0?.progress.finish() } }
    }
}
