// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import YAML
internal import Build
internal import OCI
internal import Sealer
internal import Spec

/// Assembles the context of one build in an empty folder, step by step as the spec says.
///
/// Layers of the base are copied, never linked or changed. Nothing in the folder depends on the host, the
/// day or an earlier run.
struct Context {
    let bundle: Bundle
    /// The bundle's blobs.
    let source: any ContentSource
    let store: Store
    /// The base in the store, where the spec has one.
    let base: SealerImage?
    let platform: Platform
    /// The folder that becomes the context.
    let files: BuildContext
    let note: @Sendable (String) -> Void

    private var spec: Spec { bundle.spec }

    /// Takes all steps of `build`, writes its Kubefile, and looks for the traps of a docker base.
    func assemble(_ build: Spec.Build) throws(Failure) {
        for step in build.context {
            switch step {
            case .layer(let role, let paths): try copyLayer(role, paths)
            case .putFile(let path, let name): try putFile(path, name)
            case .putRepacked(let path, let name): try putRepacked(path, name)
            case .putSaved(let path, let image): try putSaved(path, image)
            case .edit(let path, let remove, let set):
                try change(path) { (bytes) throws(Failure) in try edited(bytes, path, remove, set) }
            case .rewrite(let path):
                try change(path) { (bytes) throws(Failure) in
                    try ImageScan.yaml(bytes, path: path, known: Set(spec.images)).rewritten(
                        to: spec.registry)
                }
            case .imageList(let patterns): try writeImageList(patterns)
            }
        }
        try files.write(Array(build.kubefile.utf8), to: "Kubefile")
        try files.finish()
    }

    // MARK: layers

    /// The layer of the base that `role` means on this platform.
    func layer(_ role: String) throws(Failure) -> Digest {
        guard let base, let selector = spec.base?.layers[role] else {
            throw Failure(.configuration, "find the layer", role, because: "the spec's base has no such role")
        }
        let ids = base.layerIDs
        let candidates = selector.id[platform.description].map { [$0] } ?? ids.reversed()
        for id in candidates where ids.contains(id) {
            guard let path = selector.holds else { return id }
            if try store.holds(path, inLayer: id) { return id }
        }
        throw Failure(
            .input, "find the layer '\(role)' of", base.name,
            because: selector.holds.map { "no layer that may be meant holds \($0)" }
                ?? "the base lacks the pinned layer",
            remedy: "correct base.layers.\(role) in the spec and collect the bundle anew")
    }

    private func copyLayer(_ role: String, _ paths: [String]?) throws(Failure) {
        do throws(Failure) {
            try files.add(layer: layer(role), of: store, paths: paths)
        } catch {
            var failure = error
            if failure.kind == .input {
                failure.remedy =
                    "correct the layer '\(role)' or its paths in the spec and collect the bundle anew"
            }
            throw failure
        }
    }

    // MARK: files

    private func locked(_ name: String) throws(Failure) -> Lock.File {
        guard let file = bundle.file(name, for: platform) else {
            throw Failure(
                .input, "take the file", name, because: "the bundle has none for \(platform)",
                remedy: "collect the bundle with --platform \(platform)")
        }
        return file
    }

    private func putFile(_ path: String, _ name: String) throws(Failure) {
        let file = try locked(name)
        try files.write(path) { (target) throws(Failure) in
            var stream = try source.open(file.descriptor)
            var offset: Int64 = 0
            try stream.forEachChunk { (bytes) throws(Failure) in
                try target.write(bytes, at: offset)
                offset += Int64(bytes.count)
            }
        }
    }

    private func putRepacked(_ path: String, _ name: String) throws(Failure) {
        let file = try locked(name)
        let version = DockerTraps.version(ofTarball: file.url)
        let repack = Repack(marker: Array((version ?? "").utf8))
        var outcome = Repack.Outcome()
        try files.write(path) { (target) throws(Failure) in
            outcome = try repack.write(
                { () throws(Failure) in try source.open(file.descriptor) }, artifact: name, to: target)
        }
        guard outcome.programs.contains("dockerd") else { return }
        try repin(to: version, isCertain: outcome.holdsMarker, tarball: file.url)
    }

    private func putSaved(_ path: String, _ reference: Reference) throws(Failure) {
        guard let manifest = bundle.image(reference)?.instance(for: platform)
        else {
            throw Failure(
                .input, "save", reference.familiar, because: "the bundle has none for \(platform)",
                remedy: "collect the bundle with --platform \(platform)")
        }
        try files.write(path) { (target) throws(Failure) in
            try DockerArchive.write(
                [.init(references: [reference], manifest: manifest)], from: source, to: target)
        }
        try checkRegistry(reference)
    }

    private func edited(
        _ bytes: [UInt8], _ path: String, _ remove: [String], _ set: [Spec.Assignment]
    ) throws(Failure) -> [UInt8] {
        var changes: [Edit.Change] = []
        for key in remove { changes.append(.remove(try FieldPath(key))) }
        for item in set {
            changes.append(
                .set(try FieldPath(item.key), item.literal ? .literal(item.value) : .text(item.value)))
        }
        return try Edit(changes).applied(to: bytes, path: path)
    }

    private func writeImageList(_ patterns: [String]) throws(Failure) {
        let images = ImagePattern.select(spec.images, matching: patterns)
        guard !images.isEmpty else {
            throw Failure(
                .configuration, "write", "imageList",
                because: "no image of the spec matches \(patterns.joined(separator: ", "))",
                remedy: "correct the patterns of imageList in the spec")
        }
        try files.write(Array(ImagePattern.imageList(images, in: spec.registry).utf8), to: "imageList")
    }

    // MARK: traps

    /// Leads a pinned docker version in `scripts/` to that of the tarball (sealer rule 6.4).
    private func repin(to version: String?, isCertain: Bool, tarball: String) throws(Failure) {
        for (name, script) in try scripts() {
            guard let range = DockerTraps.pinnedVersion(in: script) else { continue }
            let pinned = String(decoding: script[range], as: UTF8.self)
            if pinned == version { continue }
            guard let version, isCertain else {
                throw Failure(
                    .configuration, "build with the docker of", tarball,
                    because: "scripts/\(name) demands docker \(pinned), and "
                        + (version.map { "no program in the tarball says that it is \($0)" }
                            ?? "the tarball's name does not tell its version"),
                    remedy: "name a tarball docker-VERSION.tgz whose dockerd is of that version")
            }
            try change("scripts/\(name)") { (bytes) throws(Failure) in
                Array(bytes[..<range.lowerBound]) + Array(version.utf8) + Array(bytes[range.upperBound...])
            }
            note("scripts/\(name) demanded docker \(pinned); it now demands \(version), as in the tarball")
        }
    }

    /// Holds a saved registry image to what the base starts (sealer rule 6.5).
    private func checkRegistry(_ saved: Reference) throws(Failure) {
        guard saved.repository.hasSuffix("/registry"), let tag = saved.tag else { return }
        for (name, script) in try scripts() where name == "init-registry.sh" {
            let started = DockerTraps.registryImages(in: script)
            guard let other = started.first, !started.contains("registry:\(tag)") else { continue }
            throw Failure(
                .configuration, "save", saved.familiar,
                because: "scripts/\(name) of the base starts \(other), which no cluster would then find",
                remedy: "save \(other) instead")
        }
    }

    /// The shell scripts of a docker base that carry pins, those that are there.
    private func scripts() throws(Failure) -> [(String, [UInt8])] {
        var found: [(String, [UInt8])] = []
        for name in ["docker.sh", "init-registry.sh"] {
            do throws(Failure) {
                found.append((name, try files.read("scripts/\(name)")))
            } catch {
                if error.kind != .input { throw error }
            }
        }
        return found
    }

    /// Replaces the content of the file at `path` by what `body` makes of it.
    private func change(_ path: String, _ body: ([UInt8]) throws(Failure) -> [UInt8]) throws(Failure) {
        let old: [UInt8]
        do throws(Failure) {
            old = try files.read(path)
        } catch {
            guard error.kind == .input else { throw error }
            throw Failure(
                .input, "edit", path, because: "the context has no such file",
                remedy: "correct the path in the spec, or the layer and paths that it takes before")
        }
        try files.write(try body(old), to: path)
    }
}
