// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import BundleFormat

/// The executables that travel with a bundle.
@Suite struct ToolTests {
    /// A file that has what an executable of sealift has in its headers, and nothing that runs.
    static func executable(
        machine: UInt16 = 62, loader: String? = nil, note: String? = "0.1.0", filling: Int = 5000,
        seed: UInt64 = 1
    ) -> [UInt8] {
        func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian, Array.init)
        }
        var segments: [(kind: UInt32, bytes: [UInt8])] = []
        if let loader { segments.append((3, Array(loader.utf8) + [0])) }
        if let note {
            let text = Array(note.utf8) + [UInt8](repeating: 0, count: 32 - note.utf8.count)
            // Another note comes first, as the build id does.
            let other = little(UInt32(4)) + little(UInt32(3)) + little(UInt32(3)) + Array("GNU\0abc\0".utf8)
            segments.append(
                (
                    4,
                    other + little(UInt32(8)) + little(UInt32(32)) + little(UInt32(1))
                        + Array("sealift\0".utf8) + text
                ))
        }
        var header: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        header +=
            little(UInt16(2)) + little(machine) + little(UInt32(1)) + little(UInt64(0)) + little(UInt64(64))
        header += little(UInt64(0)) + little(UInt32(0)) + little(UInt16(64)) + little(UInt16(56))
        header += little(UInt16(segments.count)) + [UInt8](repeating: 0, count: 6)
        var (table, content): ([UInt8], [UInt8]) = ([], [])
        for segment in segments {
            let offset = UInt64(64 + 56 * segments.count + content.count)
            table +=
                little(segment.kind) + little(UInt32(4)) + little(offset) + [UInt8](repeating: 0, count: 16)
            table += little(UInt64(segment.bytes.count)) + [UInt8](repeating: 0, count: 16)
            content += segment.bytes
        }
        var random = SeededNumbers(seed)
        return header + table + content + random.bytes(filling)
    }

    private static let amd64 = Fixture.platforms[0]

    private static func tool(_ bytes: [UInt8], in folder: String, _ name: String = "tool") throws -> ToolFile
    {
        try Data(bytes).write(to: URL(filePath: "\(folder)/\(name)"))
        return try ToolFile(at: "\(folder)/\(name)", host: amd64)
    }

    private static func plan(_ fixture: Fixture, _ tools: [ToolFile], volumeSize: Int64? = nil) throws
        -> BundlePlan
    {
        try BundlePlan(
            spec: fixture.spec, lock: fixture.lock, images: fixture.images, volumeSize: volumeSize,
            tools: tools.map(\.tool))
    }

    private static func write(_ fixture: Fixture, _ plan: BundlePlan, _ tools: [ToolFile], at path: String)
        throws
    {
        let writer = try BundleWriter(plan, at: path, tools: tools)
        for blob in writer.pending { try writer.fill(blob, from: fixture) }
        try writer.finish()
    }

    @Test func tarTakesTheToolOutOfTheWholeAndOfTheFirstVolume() throws {
        try withFolder { folder in
            let fixture = try Fixture(layer: 40000)
            let bytes = Self.executable()
            let tools = [
                try Self.tool(bytes, in: folder),
                try Self.tool(Self.executable(machine: 183), in: folder, "arm"),
            ]
            #expect(tools.map(\.tool.name) == ["sealift", "sealift-linux-arm64"])
            for volumeSize in [nil, Int64(60000)] {
                let plan = try Self.plan(fixture, tools, volumeSize: volumeSize)
                let path = "\(folder)/b\(volumeSize ?? 0)"
                try Self.write(fixture, plan, tools, at: path)
                let bundle = try Bundle(opening: path)
                #expect(bundle.tools == tools.map(\.tool))
                #expect(bundle.version == 3)
                #expect(bundle.verify().isEmpty)
                #expect(try BundleWriter(plan, at: path, tools: tools).isAlreadyThere)
                let first = volumeSize == nil ? path : path + ".001"
                let out = "\(folder)/out\(volumeSize ?? 0)"
                try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
                try run("tar", "--occurrence", "-xf", first, "-C", out, "sealift")
                #expect(try BundleFormatTests.bytes(of: out + "/sealift") == bytes)
                let mode = try FileManager.default.attributesOfItem(atPath: out + "/sealift")[
                    .posixPermissions]
                #expect((mode as? Int) == 0o755)
            }
        }
    }

    @Test func theToolIsInTheIndexAndItsChangeChangesTheIdentity() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let one = try Self.tool(Self.executable(), in: folder)
            let other = try Self.tool(Self.executable(seed: 2), in: folder, "other")
            let plans = try [[], [one], [other]].map { try Self.plan(fixture, $0) }
            #expect(Set(plans.map(\.indexDigest)).count == 3)
            #expect(
                String(decoding: plans[1].index, as: UTF8.self).contains(
                    #""io.sealift.tool.sealift":"\#(one.tool.digest)""#))
            // Without tools nothing changes for older readers.
            #expect(plans[0].index == (try fixture.plan().index))
        }
    }

    @Test func anExchangedToolIsFoundAndRefusedWhereAKeyIsTrusted() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let tool = try Self.tool(Self.executable(), in: folder)
            let plan = try Self.plan(fixture, [tool])
            let path = folder + "/b"
            try Self.write(fixture, plan, [tool], at: path)
            let key = try SigningKey.generate()
            try Bundle(opening: path).sign(with: [key])
            let trust = try Trust([key])
            _ = try Bundle(opening: path, trusting: trust)
            var bytes = try BundleFormatTests.bytes(of: path)
            let place = Int(plan.tools[0].offset)
            bytes.replaceSubrange(place..<(place + Int(tool.tool.size)), with: Self.executable(seed: 9))
            try Data(bytes).write(to: URL(filePath: path))
            let damages = try Bundle(opening: path).verify()
            #expect(damages.map(\.owner) == ["the tool sealift"])
            let refused = #expect(throws: Failure.self) { try Bundle(opening: path, trusting: trust) }
            #expect(refused?.kind == .data)
            #expect("\(refused!)".contains("the tool sealift"))
            // A collect makes it whole again.
            let writer = try BundleWriter(plan, at: path, tools: [tool])
            #expect(writer.damaged == ["the tool sealift"])
        }
    }

    @Test func aKilledWriterGoesOnWithTheToolInPlace() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let tool = try Self.tool(Self.executable(), in: folder)
            let plan = try Self.plan(fixture, [tool])
            do {
                let writer = try BundleWriter(plan, at: folder + "/b", tools: [tool])
                try writer.fill(writer.pending[0], from: fixture)
            }
            try Self.write(fixture, plan, [tool], at: folder + "/b")
            #expect(try Bundle(opening: folder + "/b").verify().isEmpty)
        }
    }

    @Test func aToolThatIsAFileTooIsCarriedTwice() throws {
        try withFolder { folder in
            var fixture = try Fixture()
            let bytes = Self.executable()
            let tool = try Self.tool(bytes, in: folder)
            fixture.blobs[tool.tool.digest] = bytes
            fixture.lock = Lock(
                images: fixture.lock.images,
                files: fixture.lock.files + [
                    .init(
                        name: "sealift", platform: nil, url: "https://example.invalid/sealift",
                        digest: tool.tool.digest, size: tool.tool.size)
                ])
            fixture.spec.files["sealift"] = .init(urls: ["https://example.invalid/sealift"])
            try Self.write(fixture, Self.plan(fixture, [tool]), [tool], at: folder + "/b")
            #expect(try Bundle(opening: folder + "/b").verify().isEmpty)
            #expect(
                try run("tar", "-tf", folder + "/b").text.split(separator: "\n").count {
                    $0.hasSuffix(tool.tool.digest.hex) || $0 == "sealift"
                } == 2)
        }
    }

    @Test func whatCannotTravelIsRefused() throws {
        try withFolder { folder in
            let refused: [(bytes: [UInt8], reason: String)] = [
                (Self.executable(loader: "/lib64/ld-linux-x86-64.so.2"), "shared libraries"),
                (Self.executable(note: nil), "not a sealift"),
                (Self.executable(machine: 8), "unknown processor"),
                (Array("#!/bin/sh\n".utf8), "not an executable"), ([], "not an executable"),
                (Array(Self.executable().prefix(60)), "not an executable"),
                (Array(Self.executable().prefix(100)), "not an executable"),
                (Array(Self.executable(note: "0.1.0\u{1B}[31m")), "not a sealift"),
                (Array(Self.executable(filling: 0).dropLast()), "cut off"),
            ]
            for (bytes, reason) in refused {
                let failure = #expect(throws: Failure.self) { try Self.tool(bytes, in: folder) }
                #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "")")
            }
            let whole = Self.executable(filling: 0)
            for count in 0..<whole.count {
                #expect(throws: Failure.self) { try Self.tool(Array(whole.prefix(count)), in: folder) }
            }
            // Any damage of the headers is refused or read, and never a trap.
            var random = SeededNumbers(7)
            for _ in 0..<2000 {
                var bytes = Self.executable(filling: 10)
                for _ in 0..<3 {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                        in: 0...255, using: &random)
                }
                _ = try? Self.tool(bytes, in: folder)
            }
        }
    }

    @Test func theFirstVolumeHoldsTheTool() throws {
        try withFolder { folder in
            let tool = try Self.tool(Self.executable(filling: 50000), in: folder)
            let fixture = try Fixture()
            let failure = #expect(throws: Failure.self) {
                try Self.plan(fixture, [tool], volumeSize: 40000)
            }
            #expect(failure?.kind == .configuration)
            #expect("\(failure!)".contains("--no-tool"))
        }
    }

    @Test func aDocumentsToolsAreCheckedByName() {
        func tool(
            _ name: String, _ platform: Platform = Fixture.platforms[0], size: Int64 = 1,
            version: String = "1"
        ) -> CarriedTool {
            CarriedTool(name: name, platform: platform, version: version, digest: Digest(of: []), size: size)
        }
        #expect(CarriedTool.fault(of: [tool("sealift")]) == nil)
        #expect(
            CarriedTool.fault(of: [tool("sealift"), tool("sealift-linux-arm64", Fixture.platforms[1])]) == nil
        )
        let wrong: [[CarriedTool]] = [
            [], [tool("sealift"), tool("sealift")], [tool("sealift-linux-arm64")], [tool("index.json")],
            [tool("sealift", size: 0)], [tool("sealift", size: 1 << 40)], [tool("sealift", version: "1\n")],
            [tool("sealift-linux-amd64"), tool("sealift")], [tool("sealift"), tool("sealift-linux-amd64")],
            [tool("sealift-../x", Platform(os: "..", architecture: "x"))],
        ]
        for tools in wrong { #expect(CarriedTool.fault(of: tools) != nil, "\(tools)") }
    }
}
