// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Registry
internal import Spec
internal import YAML

/// Reads the images that files of a spec name, as its `imagesFrom` asks.
struct ImagesOfFiles: Sendable {
    let content: ContentCache
    /// The folder for what has to be fetched; made if it is needed.
    let scratch: String
    /// Takes what a person should know.
    let note: @Sendable (String) -> Void

    /// The largest text that is read: 64 MiB.
    private static let largestText = 64 << 20
    /// So many values that only may be images are shown.
    private static let mostShown = 20

    /// What the files name.
    struct Outcome: Sendable {
        /// The spec with these images.
        var parsed: ParsedSpec
        /// The files, those that were fetched with their place.
        var files: [ResolvedFile]
        /// The titles of the files that name an image.
        var origins: [Reference: [String]] = [:]
        /// What cannot be read.
        var failures: [(place: SpecPath, failure: Failure)] = []
    }

    private struct Text: Sendable {
        let shown: String
        let bytes: [UInt8]
        /// Whether it may be passed over if it cannot be read.
        let isOptional: Bool
    }

    /// Reads the files that `parsed` takes images from, of `files`.
    /// - Parameters:
    ///   - lock: what an image must be recorded in; `nil` where the images are taken as they are now.
    ///   - takesUnlocked: whether those that the lock does not have are, too.
    func read(
        _ parsed: ParsedSpec, files: [ResolvedFile], lock: Lock?, takesUnlocked: Bool = false
    ) async throws -> Outcome {
        var outcome = Outcome(parsed: parsed, files: files)
        var (found, places): ([FoundImage], [Reference: Int]) = ([], [:])
        var scans: [ImageScan] = []
        for (number, source) in (parsed.spec.imagesFrom ?? []).enumerated() {
            for index in files.indices where files[index].locked.name == source.file {
                let read = try await attempted {
                    try await scan(source, file: &outcome.files[index], number: number, in: parsed)
                }
                guard case .success(let here) = read else {
                    if case .failure(let failure) = read {
                        outcome.failures.append((.imagesFrom(number), failure))
                    }
                    continue
                }
                scans += here
                let file = files[index].locked
                for scan in here {
                    for image in scan.references {
                        let place = FilePlace(path: scan.source.path, position: image.position)
                        add(image.reference, at: place, of: file, to: &found, places: &places)
                    }
                }
            }
        }
        outcome.parsed = parsed.adding(found)
        for image in found { outcome.origins[image.reference] = image.origins }
        if outcome.failures.isEmpty {
            if let lock {
                outcome.failures = drift(
                    from: lock, outcome: outcome, found: found, takesUnlocked: takesUnlocked)
            }
            tell(scans, of: outcome.parsed)
        }
        return outcome
    }

    private func add(
        _ reference: Reference, at place: FilePlace, of file: Lock.File, to found: inout [FoundImage],
        places: inout [Reference: Int]
    ) {
        guard let index = places[reference] else {
            places[reference] = found.count
            found.append(
                FoundImage(
                    reference, at: place, platforms: file.platform.map { [$0] }, origins: [file.title]))
            return
        }
        if !found[index].origins.contains(file.title) { found[index].origins.append(file.title) }
        guard let platform = file.platform else {
            found[index].platforms = nil
            return
        }
        if found[index].platforms?.contains(platform) == false { found[index].platforms?.append(platform) }
    }

    // MARK: reading

    private func scan(
        _ source: Spec.ImagesFrom, file: inout ResolvedFile, number: Int, in parsed: ParsedSpec
    ) async throws -> [ImageScan] {
        let texts = try await texts(of: source, in: &file, number: number, parsed.spec)
        let known = CarriedImages(parsed.spec.images)
        var scans: [ImageScan] = []
        for text in texts {
            do throws(Failure) {
                let (scan, notTaken) = try ForeignList.images(in: text.bytes, path: text.shown, known: known)
                for line in notTaken { note(line) }
                scans.append(scan.without(parsed.spec.isNoImage))
            } catch {
                guard text.isOptional, error.kind == .data else { throw error }
                note("\(text.shown) is passed over: \(error.reason)")
            }
        }
        guard scans.contains(where: { !$0.references.isEmpty }) else {
            let count = scans.reduce(0) { $0 + $1.possible.count }
            tell(scans, of: parsed)
            throw Failure(
                .data, "take the images of", Self.shown(file),
                because: count == 0
                    ? "it names none" : "it names none for sure, and \(count) that may be some",
                remedy: "write its images into 'images', or take it out of 'imagesFrom'")
        }
        return scans
    }

    /// The text of `file`, or those of its members that are meant.
    private func texts(
        of source: Spec.ImagesFrom, in file: inout ResolvedFile, number: Int, _ spec: Spec
    ) async throws -> [Text] {
        let path = try await place(of: &file)
        let (shown, locked) = (Self.shown(file), file.locked)
        let platform = locked.platform ?? spec.platforms[0]
        let patterns = source.filled(for: platform, release: spec.release).members
        let scratch = "\(scratch)/images-\(number)-\(locked.title)"
        return try await onThread { () throws(Failure) -> [Text] in
            let opened = try File.open(path)
            guard let patterns else {
                let bytes = try opened.bytes(limit: Self.largestText)
                return [Text(shown: shown, bytes: bytes, isOptional: false)]
            }
            try makeFolder(self.scratch)
            defer { unlink(scratch) }
            return try ArchiveText.read(opened, called: shown, matching: patterns, scratch: scratch).map {
                Text(shown: "\(shown)/\($0.path)", bytes: $0.bytes, isOptional: !$0.isNamed)
            }
        }
    }

    /// Where the content of a file is; one that is not on this host yet is copied from a bundle at hand, or fetched.
    private func place(of file: inout ResolvedFile) async throws -> String {
        if let path = file.local { return path }
        try makeFolder(scratch)
        let (path, descriptor) = ("\(scratch)/images-of-\(file.locked.title)", file.locked.descriptor)
        let sink = try ScratchSink(path, by: descriptor.digest.algorithm)
        for bundle in content.bundles where bundle.contains(descriptor.digest) {
            let copied: Void? = try? await onThread { () throws(Failure) in
                try sink.restart()
                var stream: any ByteStream = VerifyingStream(
                    try bundle.open(descriptor), descriptor: descriptor, artifact: bundle.path)
                try stream.forEachChunk { (bytes) throws(Failure) in try sink.append(bytes) }
            }
            if copied != nil { return path }
        }
        try sink.restart()
        try await content.client.fetch(urls: file.urls, into: sink)
        let (digest, size) = sink.outcome
        guard (digest, size) == (descriptor.digest, descriptor.size) else {
            throw Failure(
                .data, "collect the file", file.locked.name,
                because:
                    "it is \(digest) of \(size) bytes now, not \(descriptor.digest) of \(descriptor.size)",
                remedy:
                    "find out why it changed; to accept it run `sealift lock SPEC --update \(file.locked.name)`"
            )
        }
        file.local = path
        return path
    }

    /// What a file is called in places: its path or URL; a text of the spec by its name there.
    private static func shown(_ file: ResolvedFile) -> String {
        let url = file.locked.url
        if url.hasPrefix("text:") { return "files.\(file.locked.name)" }
        guard url.hasPrefix("file:") else { return url }
        return file.local ?? String(url.dropFirst("file:".count))
    }

    // MARK: the lock

    /// What the lock says of the files that were read, and is not so.
    private func drift(
        from lock: Lock, outcome: Outcome, found: [FoundImage], takesUnlocked: Bool
    ) -> [(place: SpecPath, failure: Failure)] {
        var failures: [(place: SpecPath, failure: Failure)] = []
        for (number, source) in (outcome.parsed.spec.imagesFrom ?? []).enumerated() {
            for file in outcome.files.map(\.locked) where file.name == source.file {
                let title = file.title
                guard lock.files.contains(where: { $0.title == title }) else { continue }
                let recorded = Set(lock.images.filter { $0.from?.contains(title) == true }.map(\.reference))
                let named = found.filter { $0.origins.contains(title) }
                let isNew: (FoundImage) -> Bool = { !takesUnlocked && !recorded.contains($0.reference) }
                var reasons = named.filter(isNew).map {
                    "\($0.place) names \($0.reference.familiar), which the lock does not have from it"
                }
                reasons += recorded.subtracting(named.map(\.reference)).sorted().map {
                    "the lock has \($0.familiar) from it, which it does not name"
                }
                guard let first = reasons.first else { continue }
                let more = reasons.count > 1 ? ", and \(reasons.count - 1) more differences" : ""
                failures.append(
                    (
                        .imagesFrom(number),
                        Failure(
                            .data, "collect the images of", title, because: first + more,
                            remedy:
                                "run `sealift lock \(outcome.parsed.path)`, which records what the files name now"
                        )
                    ))
            }
        }
        return failures
    }

    /// Reports what is where an image should and is none, and what only may be one.
    private func tell(_ scans: [ImageScan], of parsed: ParsedSpec) {
        for scan in scans {
            for value in scan.unreadable {
                note(
                    "\(scan.source.path):\(value.position): '\(value.text)' is no image reference: \(value.reason)"
                )
            }
        }
        let findings = ImageListLint.missing(
            from: parsed, neededBy: scans, severityOfPossible: .warning
        ).findings.filter { $0.severity == .warning }
        for finding in findings.prefix(Self.mostShown) { note("\(finding)") }
        guard findings.count > Self.mostShown else { return }
        note(
            "\(findings.count - Self.mostShown) more texts in files of imagesFrom may be images; `sealift images --possible FILE` lists them"
        )
    }
}
