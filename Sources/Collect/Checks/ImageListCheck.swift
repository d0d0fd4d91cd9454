// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec
internal import YAML

/// Holds the image lists of a spec against the YAML that its builds ship, before any image is fetched.
///
/// The YAML is in the base. Layers of at most ``largestProbe`` bytes are fetched and looked into; what a
/// larger one holds is not known here, and nothing is said of it.
struct ImageListCheck: Sendable {
    let parsed: ParsedSpec
    let content: ContentCache
    let note: @Sendable (String) -> Void

    /// The largest compressed layer that is looked into: 4 MiB.
    static let largestProbe: Int64 = 4 << 20
    /// The largest YAML file that is looked into: 16 MiB.
    static let largestFile = 16 << 20

    /// Checks every build, with the base's layers of each platform.
    /// - Throws: a `Failure` of kind `configuration` that lists all that disagrees, with file and line; of
    ///   kind `data` for YAML that does not parse or a pin that the base does not have.
    func run(base: ResolvedImage) async throws { try await report(findings(base: base)) }

    /// What disagrees; YAML that does not parse is passed over, as a base may hold templates of that name.
    func findings(base: ResolvedImage) async throws -> [SpecFinding] {
        var findings: [SpecFinding] = []
        for (platform, manifest) in base.instances {
            let filled = parsed.spec.filled(for: platform)
            guard case .image(let config, _) = manifest.content, let spec = filled.base else { continue }
            let bytes = try await content.bytes(config, of: base.reference, limit: 8 << 20)
            let layers = try BaseLayers(base.reference, platform: platform, manifest: manifest, config: bytes)
            let probes = try await probe(layers)
            var found: [String: ProbedLayer] = [:]
            for (role, selector) in spec.layers {
                let pinned = try layers.pinned(selector, role: role)
                found[role] = probes.last { layer in
                    pinned.map { $0.id == layer.id } ?? selector.holds.map {
                        layer.names.contains(where: PathPattern($0).matches)
                    }
                        ?? false
                }
            }
            for (number, build) in filled.builds.enumerated() {
                let shipped = shipped(build, layers: found)
                if shipped.isEmpty { continue }
                findings += try ImageListLint.findings(ofBuild: number, in: parsed, shipped: shipped)
            }
        }
        return findings.filter { $0.severity != .note }
    }

    private func report(_ findings: [SpecFinding]) throws(Failure) {
        var seen: Set<SpecFinding> = []
        let new = findings.filter { seen.insert($0).inserted }
        for finding in new where finding.severity == .warning { note("\(finding)") }
        let errors = new.filter { $0.severity == .error }
        guard !errors.isEmpty else { return }
        throw Failure(
            .configuration, "use", parsed.path,
            because: "its images and the YAML that it ships disagree:\n"
                + errors.map { "  \($0)" }.joined(separator: "\n"))
    }

    /// A layer that was looked into.
    private struct ProbedLayer: Sendable {
        let id: Digest
        var names: Set<String> = []
        var files: [ShippedFile] = []
    }

    private func probe(_ layers: BaseLayers) async throws -> [ProbedLayer] {
        let small = layers.layers.filter { $0.blob.size <= Self.largestProbe }
        return try await inParallel(small, width: 4) { layer in
            let bytes = try await content.bytes(layer.blob, of: layers.image, limit: Int(Self.largestProbe))
            return try await onThread { () throws(Failure) in
                try look(into: bytes, layer)
            }
        }
    }

    private func look(into bytes: [UInt8], _ layer: BaseLayers.Layer) throws(Failure) -> ProbedLayer {
        let artifact = "\(layer.blob.digest)"
        let tar = try decompressed(MemoryStream(bytes), limit: 256 << 20, artifact: artifact)
        var reader = TarReader(tar, artifact: artifact)
        var probed = ProbedLayer(id: layer.id)
        while let entry = try reader.next() {
            guard entry.header.kind == .file else { continue }
            let name = String(decoding: entry.header.name.relativePath, as: UTF8.self)
            probed.names.insert(name)
            guard [".yaml", ".yml", "imageList"].contains(where: name.hasSuffix),
                entry.header.size <= Self.largestFile
            else { continue }
            let content = try reader.readAll(limit: Self.largestFile, artifact: name)
            let isChart = name.split(separator: "/").contains("charts")
            if isChart || (try? ImageScan.yaml(content, path: name)) == nil { continue }
            probed.files.append(ShippedFile(path: name, bytes: content))
        }
        return probed
    }

    /// The YAML files that a build takes from layers that were looked into.
    private func shipped(_ build: Spec.Build, layers: [String: ProbedLayer]) -> [ShippedFile] {
        build.context.flatMap { step -> [ShippedFile] in
            guard case .layer(let role, let paths) = step, let layer = layers[role] else { return [] }
            return layer.files.filter { file in
                paths?.contains { PathPattern($0).covers(file.path) } ?? true
            }
        }
    }
}
