// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import Collect
internal import YAML
internal import OCI
internal import Spec

/// `images --rewrite`: leads every image in files to another registry, in place.
struct ImagesRewrite: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Change the files: lead every image to this registry, sea.hub:5000 or another.",
            valueName: "registry"))
    var rewrite: String?
    @Option(
        help: "Its images count in env values, arguments and text too; may be repeated.", completion: .file())
    var bundle: [String] = []
    @OptionGroup var keys: KeyOptions
    @Option(help: "The images of this spec count there too.", completion: .file())
    var spec: String?
    @Flag(help: "Print what would change, as a diff, and change nothing.")
    var dryRun = false

    func validate() throws {
        guard let rewrite else {
            if dryRun { throw ValidationError("--dry-run goes with --rewrite") }
            return
        }
        guard (try? Reference("\(rewrite)/x"))?.domain == rewrite else {
            throw ValidationError("--rewrite takes HOST[:PORT], like sea.hub:5000")
        }
    }

    /// The images that count wherever they are named.
    func known() throws(Failure) -> CarriedImages {
        var known = CarriedImages()
        let trust = bundle.isEmpty ? .none : try keys.trust()
        for path in bundle {
            for image in try Bundle(opening: path, trusting: trust).images {
                known.add(
                    image.reference,
                    content: [image.top.descriptor.digest] + image.instances.map(\.descriptor.digest))
            }
        }
        if let spec {
            for image in try LockFile.completed(SpecReader.read(path: spec)).spec.images { known.add(image) }
        }
        return known
    }

    /// Rewrites the files, all or none, and prints what changed. Blocks.
    func run(_ paths: [String], to registry: String) throws(Failure) {
        let known = try known()
        var scans: [ImageScan] = []
        var seen: Set<String> = []
        try ImageFiles(paths).forEach { (file) throws(Failure) in
            guard seen.insert(try File.resolve(file.path)).inserted else { return }
            if file.isPacked { throw BinaryForm.gzip.failure(reading: file.path) }
            do throws(Failure) { scans.append(try ImageFiles.scan(file, known: known)) } catch {
                guard error.kind == .data, ImageFiles.isTemplate(file, anywhere: true) else { throw error }
                ImageFiles.reportTemplate(file.path)
            }
        }
        try ImageScan.checkApart(scans, in: registry)
        var told = ""
        var changed: [(path: String, bytes: [UInt8])] = []
        for scan in scans {
            let changes = try scan.changes(to: registry)
            if changes.isEmpty { continue }
            let path = scan.source.path
            changed.append((path, try scan.rewritten(changes)))
            if dryRun {
                told += scan.source.unifiedDiff(changes)
            } else {
                for change in changes {
                    told += "\(path):\(change.position): \(change.before) -> \(change.after)\n"
                }
            }
        }
        if !dryRun { try AtomicWrite.replace(changed) }
        Console.printExactly(told)
        reportLeft(scans)
        Console.say("\(changed.count) of \(scans.count) files \(dryRun ? "would change" : "changed")")
    }

    /// Names what looks like an image and was left as it is: it equals none of the images that are known.
    private func reportLeft(_ scans: [ImageScan]) {
        for scan in scans {
            for image in scan.left {
                Console.say(
                    "\(scan.source.path):\(image.position): '\(image.text)' may be an image and was left: \(image.reason)"
                )
            }
        }
    }
}
