// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The operating system and processor that an image runs on.
///
/// Source: OCI image index specification, `platform`; normalisation of containerd's `platforms`.
package struct Platform: Sendable, Hashable {
    /// GOOS, `linux`.
    package let os: String
    /// GOARCH, `amd64`.
    package let architecture: String
    /// The variant of the processor, `v8`; `nil` where none is given. `arm64` without a variant and
    /// `arm64/v8` are the same platform, and so are one value: no variant.
    package let variant: String?

    /// Creates a platform from its parts, normalised.
    package init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        let given = variant?.isEmpty == true ? nil : variant
        self.variant = architecture == "arm64" && given == "v8" ? nil : given
    }

    /// Parses `os/architecture` or `os/architecture/variant`.
    /// - Throws: a ``Failure`` of kind `usage` that shows the text.
    package init(_ text: String) throws(Failure) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let wellFormed = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { Self.letters.contains($0) }
        }
        guard (2...3).contains(parts.count), wellFormed else {
            throw Failure(
                .usage, "read the platform", "'\(text.prefix(100))'",
                because: "expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT",
                remedy: "write it like linux/amd64 or linux/arm/v7")
        }
        self.init(
            os: String(parts[0]), architecture: String(parts[1]),
            variant: parts.count == 3 ? String(parts[2]) : nil)
    }

    /// `uname -m` of this processor, as upstream file names use it: `x86_64`, `aarch64`.
    package var machine: String {
        switch (architecture, variant) {
        case ("amd64", _): "x86_64"
        case ("arm64", _): "aarch64"
        case ("386", _): "i386"
        case ("arm", "v6"): "armel"
        case ("arm", _): "armhf"
        default: architecture
        }
    }

    /// Why no image can be of this platform: its words are none of those that images use, which are Go's.
    /// `nil` where they are.
    ///
    /// Source: `go tool dist list`, Go 1.23; OCI image index specification, `platform`.
    package var unknownWord: (reason: String, meant: Platform?)? {
        guard Self.systems.contains(os) else {
            return ("images have no operating system '\(os)'", nil)
        }
        if Self.architectures.contains(architecture) { return nil }
        let reason = "images have no architecture '\(architecture)'"
        guard let (name, variant) = Self.otherNames[architecture] else { return (reason, nil) }
        return (reason, Platform(os: os, architecture: name, variant: variant ?? self.variant))
    }

    /// The operating systems that images name.
    package static let systems = [
        "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos",
        "aix",
        "android", "ios", "js", "plan9", "wasip1",
    ]
    /// The processors that images name.
    package static let architectures = [
        "amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips", "mipsle", "mips64",
        "mips64le", "ppc64", "wasm",
    ]
    /// What `uname`, distributions and vendors call them.
    private static let otherNames: [String: (String, String?)] = [
        "x86_64": ("amd64", nil), "x86-64": ("amd64", nil), "x64": ("amd64", nil), "aarch64": ("arm64", nil),
        "armv8": ("arm64", nil), "armv7": ("arm", "v7"), "armv7l": ("arm", "v7"), "armhf": ("arm", "v7"),
        "armv6": ("arm", "v6"), "armv6l": ("arm", "v6"), "armel": ("arm", "v6"), "x86": ("386", nil),
        "i386": ("386", nil), "i686": ("386", nil), "powerpc64le": ("ppc64le", nil),
        "loongarch64": ("loong64", nil),
    ]

    /// The platform of this host, by `uname`.
    package static var host: Platform {
        var name = utsname()
        uname(&name)
        let machine = withUnsafeBytes(of: &name.machine) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let architectures = ["x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"]
        return Platform(os: "linux", architecture: architectures[machine] ?? machine)
    }

    private static let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".utf8)
}

extension Platform: CustomStringConvertible {
    /// `os/architecture[/variant]`, which ``init(_:)`` reads back.
    package var description: String { [os, architecture, variant].compactMap(\.self).joined(separator: "/") }
}

extension Platform: Comparable {
    /// Orders platforms by their text.
    package static func < (left: Platform, right: Platform) -> Bool { left.description < right.description }
}

extension Platform: Codable {
    /// Decodes the text form.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = try Platform(container.decode(String.self))
        } catch let failure as Failure {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: failure.description)
        }
    }

    /// Encodes the text form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
