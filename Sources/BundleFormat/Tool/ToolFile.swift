// SPDX-License-Identifier: Apache-2.0
package import OCI

/// An executable on this host that a bundle will carry.
package struct ToolFile: Sendable {
    /// As the bundle names it.
    package let tool: CarriedTool
    private let file: File

    /// Where it is.
    package var path: String { file.path }

    /// Reads and hashes the executable at `path`.
    /// - Parameter host: the platform whose tool is called ``CarriedTool/ownName``.
    /// - Throws: a `Failure` of kind `configuration` for what is not a sealift that runs without shared libraries.
    package init(at path: String, host: Platform = .host) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "carry the tool", path, because: reason,
                remedy:
                    "make one with bundles/tool/build.sh, or take one out of a bundle: tar -xf BUNDLE sealift"
            )
        }
        file = try File.open(path)
        let size = try file.size()
        guard let executable = try ExecutableFile(file) else {
            throw refuse("it is not an executable of Linux")
        }
        guard executable.isWhole else {
            throw refuse("it is cut off: bytes that its headers name are missing")
        }
        guard let version = executable.version else { throw refuse("it is not a sealift of 0.1 or later") }
        guard let platform = executable.platform else { throw refuse("it is for an unknown processor") }
        if let loader = executable.loader {
            throw refuse("it needs shared libraries of its host, and is started by \(loader)")
        }
        guard size <= CarriedTool.largest else {
            throw refuse("it has more than \(CarriedTool.largest) bytes")
        }
        var hash = SHA256()
        var stream = file.stream(count: size)
        try stream.forEachChunk { (bytes) throws(Failure) in hash.update(bytes) }
        tool = CarriedTool(
            name: platform == host ? CarriedTool.ownName : CarriedTool.name(for: platform),
            platform: platform,
            version: version, digest: hash.digest(), size: size)
    }

    /// Its bytes, verified against the digest on the way: the file may change after it was hashed.
    func stream() -> any ByteStream {
        VerifyingStream(file.stream(count: tool.size), descriptor: tool.descriptor, artifact: file.path)
    }
}
