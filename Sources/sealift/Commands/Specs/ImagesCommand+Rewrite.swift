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
    func known() throws(Failure) -> Set<Reference> {
        var known: Set<Reference> = []
        func add(_ reference: Reference, _ digest: Digest?) {
            let (domain, repository) = (reference.domain, reference.repository)
            known.insert(reference)
            if let tag = reference.tag {
                known.insert(Reference(domain: domain, repository: repository, tag: tag))
            }
            guard let digest = digest ?? reference.digest else { return }
            for tag in [nil, reference.tag] {
                known.insert(Reference(domain: domain, repository: repository, tag: tag, digest: digest))
            }
        }
        let trust = bundle.isEmpty ? .none : try keys.trust()
        for path in bundle {
            for image in try Bundle(opening: path, trusting: trust).images {
                add(image.reference, image.top.descriptor.digest)
            }
        }
        if let spec { for image in try SpecReader.read(path: spec).spec.images { add(image, nil) } }
        return known
    }

    /// Rewrites the files, all or none, and prints what changed. Blocks.
    func run(_ paths: [String], to registry: String) throws(Failure) {
        let known = try known()
        var scans: [ImageScan] = []
        var seen: Set<String> = []
        try ImageFiles(paths).forEach { (file) throws(Failure) in
            guard seen.insert(try File.resolve(file.path)).inserted else { return }
            scans.append(try ImageFiles.scan(file, known: known))
        }
        try ImageScan.checkApart(scans, in: registry)
        var told = ""
        var changed: [(path: String, bytes: [UInt8])] = []
        for scan in scans {
            let changes = try scan.changes(to: registry)
            if changes.isEmpty { continue }
            let path = scan.source.path
            changed.append((path, try scan.rewritten(to: registry)))
            told +=
                dryRun
                ? scan.source.unifiedDiff(changes)
                : changes.map { "\(path):\($0.position): \($0.before) -> \($0.after)\n" }.joined()
        }
        if !dryRun { try Durable.replace(changed) }
        Console.printExactly(told)
        Console.say("\(changed.count) of \(scans.count) files \(dryRun ? "would change" : "changed")")
    }
}
