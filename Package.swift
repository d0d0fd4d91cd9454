// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Settings of every target of ours: a warning is an error.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// The same for targets whose work on bytes is done by others: the executable that travels stays small.
let small: [SwiftSetting] = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// What `SEALIFT_DOCUMENTATION=1 swift package generate-documentation` needs. A build would compile the plugin each time.
let documentation: [Package.Dependency] =
    Context.environment["SEALIFT_DOCUMENTATION"] == nil
    ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0")]

/// The arrows of the design, one way. `Tests/ArchitectureTests` holds the sources to them.
let package = Package(
    name: "sealift",
    products: [.executable(name: "sealift", targets: ["sealift"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    ] + documentation,
    targets: [
        .systemLibrary(
            name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .target(name: "CStartup"),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(
            name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        .target(
            name: "OCI", dependencies: ["CArchive", "COpenSSL", "CISAL", "CDeflate", "CLinux"],
            swiftSettings: small),
        .target(name: "Registry", dependencies: ["OCI", "CCurl"], swiftSettings: small),
        .target(name: "YAML", dependencies: ["OCI", "CYaml"], swiftSettings: small),
        .target(name: "Spec", dependencies: ["OCI", "YAML"], swiftSettings: small),
        .target(
            name: "BundleFormat", dependencies: ["OCI", "Spec", "COpenSSL", "CLinux"], swiftSettings: small),
        .target(
            name: "Sealer", dependencies: ["OCI", "YAML", "CYaml", "CISAL", "CLinux"], swiftSettings: small),
        .target(
            name: "Build", dependencies: ["OCI", "YAML", "Spec", "Sealer", "CLinux"], swiftSettings: small),
        .target(
            name: "Collect",
            dependencies: ["OCI", "Registry", "BundleFormat", "Spec", "YAML", "Sealer", "Build"],
            swiftSettings: small),
        .target(
            name: "Push", dependencies: ["OCI", "Registry", "BundleFormat", "Spec", "YAML"],
            swiftSettings: small),
        .target(
            name: "Apply", dependencies: ["OCI", "BundleFormat", "Sealer", "Spec", "YAML", "Build"],
            swiftSettings: small),
        .target(name: "SBOM", dependencies: ["OCI", "BundleFormat"], swiftSettings: small),
        .target(name: "HTMLPages", dependencies: ["OCI"], swiftSettings: small),
        .target(
            name: "Serve",
            dependencies: [
                "OCI", "HTMLPages", "CCrypt", "COpenSSL",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: small),
        .target(name: "Export", dependencies: ["OCI"], swiftSettings: small),
        .executableTarget(
            name: "sealift",
            dependencies: [
                "OCI", "YAML", "Spec", "Registry", "BundleFormat", "Sealer", "Build", "Collect", "Apply",
                "Push",
                "Serve", "HTMLPages", "SBOM",
                "Export", "CStartup", "COpenSSL",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], resources: [.embedInCode("FirstSpecs")], swiftSettings: small),

        .target(
            name: "TestSupport", dependencies: ["OCI"], path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "OCITests", dependencies: ["TestSupport", "OCI"], swiftSettings: strict),
        .testTarget(
            name: "RegistryTests", dependencies: ["TestSupport", "Registry", "OCI"], exclude: ["Servers"],
            swiftSettings: strict),
        .testTarget(
            name: "BundleFormatTests", dependencies: ["TestSupport", "BundleFormat", "Spec", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "YAMLTests", dependencies: ["TestSupport", "YAML", "OCI"], exclude: ["Data", "oracle.py"],
            swiftSettings: strict),
        .testTarget(
            name: "SealerTests", dependencies: ["TestSupport", "Sealer", "Build", "OCI"], exclude: ["Golden"],
            swiftSettings: strict),
        .testTarget(
            name: "BuildTests", dependencies: ["TestSupport", "Build", "Sealer", "Spec", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "SpecTests", dependencies: ["TestSupport", "Spec", "YAML", "OCI"],
            exclude: ["spec_schema.py"],
            swiftSettings: strict),
        .testTarget(
            name: "CollectTests",
            dependencies: ["TestSupport", "Collect", "Registry", "Spec", "BundleFormat", "YAML", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "PushTests",
            dependencies: ["TestSupport", "Push", "Registry", "BundleFormat", "Spec", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "ApplyTests",
            dependencies: ["TestSupport", "Apply", "Build", "Sealer", "BundleFormat", "Spec", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "ServeTests", dependencies: ["TestSupport", "Serve", "HTMLPages", "Export", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "MutationTests",
            dependencies: [
                "TestSupport", "OCI", "YAML", "Spec", "BundleFormat", "Registry", "Sealer", "Build", "Serve",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SealiftTests", dependencies: ["TestSupport", "sealift", "BundleFormat", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "SBOMTests", dependencies: ["TestSupport", "SBOM", "BundleFormat", "Spec", "OCI"],
            swiftSettings: strict),
        .testTarget(
            name: "ExportTests", dependencies: ["TestSupport", "Export", "OCI"], swiftSettings: strict),
        .testTarget(name: "HTMLPagesTests", dependencies: ["HTMLPages", "OCI"], swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
