// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A sealift executable as a bundle carries it: a member of the tar under its own name, mode 0755, so that `tar` by itself
/// takes it out. Its digest is in the bundle document and in the index, so the bundle's identity and a signature cover it.
package struct CarriedTool: Sendable, Codable, Equatable {
    /// The name of the member: ``ownName``, or with the platform behind it.
    package let name: String
    /// What it runs on.
    package let platform: Platform
    /// The version that it says it has.
    package let version: String
    /// The digest of its bytes.
    package let digest: Digest
    /// How many there are.
    package let size: Int64

    /// The name of the one for the platform of the host that collected.
    package static let ownName = "sealift"
    /// The largest executable in bytes: 256 MiB.
    package static let largest: Int64 = 256 << 20
    /// The most of a bundle.
    static let most = 16

    init(name: String, platform: Platform, version: String, digest: Digest, size: Int64) {
        self.name = name
        self.platform = platform
        self.version = version
        self.digest = digest
        self.size = size
    }

    /// The name of one for another platform: `sealift-linux-arm64`.
    package static func name(for platform: Platform) -> String {
        "\(ownName)-" + platform.description.replacing("/", with: "-")
    }

    /// Whether a member of that name is one.
    static func isName(_ name: String) -> Bool {
        name == ownName
            || name.hasPrefix("\(ownName)-")
                && name.utf8.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
                }
    }

    /// What it is called in errors.
    package var owner: String { "the tool \(name)" }

    /// Its content.
    package var descriptor: Descriptor { Descriptor(mediaType: MediaType.octets, digest: digest, size: size) }

    /// What is wrong with these tools of one bundle, in a sentence; `nil` when nothing is.
    static func fault(of tools: [CarriedTool]) -> String? {
        guard (1...most).contains(tools.count) else { return "it has no tool, or more than \(most)" }
        guard tools.map(\.name) == Set(tools.map(\.name)).sorted() else {
            return "its tools are not in order"
        }
        if Set(tools.map(\.platform)).count < tools.count { return "two of its tools are for one platform" }
        for tool in tools {
            guard isName(tool.name), [ownName, name(for: tool.platform)].contains(tool.name) else {
                return "'\(tool.name)' is not the name of a tool for \(tool.platform)"
            }
            guard (1...largest).contains(tool.size) else {
                return "the size \(tool.size) of \(tool.name) is out of bounds"
            }
            guard ExecutableFile.isVersion(tool.version) else {
                return "the version of \(tool.name) is not one"
            }
        }
        return nil
    }
}
