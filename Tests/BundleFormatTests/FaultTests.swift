// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import TestSupport
import Testing

/// Whatever happens to a bundle on its way is found and named.
@Suite struct FaultTests {
    static let shared = try! Fixture()
    let fixture = Self.shared

    /// What opening and verifying the bundle at `path` finds, empty when all seems well.
    func findings(_ path: String) -> [String] {
        do {
            return try Bundle(opening: path).verify().map(\.failure.description)
        } catch {
            return [error.description]
        }
    }

    func written(_ folder: String, volumeSize: Int64? = nil) throws -> (path: String, plan: BundlePlan) {
        let plan = try fixture.plan(volumeSize: volumeSize)
        try fixture.write(plan, at: folder + "/b.tar")
        return (folder + "/b.tar", plan)
    }

    @Test func everyFlippedBitIsFound() throws {
        try withFolder { folder in
            let small = try Fixture([.list, .ociIndex], layer: 100)
            let plan = try small.plan()
            let path = folder + "/b"
            try small.write(plan, at: path)
            var random = SeededNumbers(7)
            var bits: [Int64] = []
            for _ in 0..<200 { bits.append(Int64.random(in: 0..<(plan.size * 8), using: &random)) }
            // A bit of every fifth byte of the first header, of the index, and of the end.
            for range in [0..<512, 1536..<(1536 + Int64(plan.index.count)), (plan.size - 64)..<plan.size] {
                for byte in stride(from: range.lowerBound, to: range.upperBound, by: 5) {
                    bits.append(byte * 8 + Int64.random(in: 0..<8, using: &random))
                }
            }
            for bit in bits {
                try flip(path, bit: bit)
                if findings(path).isEmpty { Issue.record("bit \(bit % 8) of byte \(bit / 8) was not found") }
                try flip(path, bit: bit)
            }
            #expect(findings(path).isEmpty)
        }
    }

    @Test func aDamagedBlobIsNamedWithItsImage() throws {
        try withFolder { folder in
            let (path, plan) = try written(folder)
            let hurt = plan.blobs.filter { $0.bytes == nil && $0.descriptor.size > 100 }.suffix(2)
            for blob in hurt { try flip(path, bit: 8 * (blob.offset + 50)) }
            let damages = try Bundle(opening: path).verify(jobs: 2)
            #expect(damages.map(\.descriptor.digest) == hurt.map(\.descriptor.digest))
            for (damage, blob) in zip(damages, hurt) {
                #expect(damage.owner == blob.owner)
                #expect(damage.failure.description.contains("\(blob.descriptor.digest) of \(blob.owner)"))
                #expect(damage.failure.kind == .data)
            }
        }
    }

    @Test func everyTruncationIsFound() throws {
        try withFolder { folder in
            let (path, plan) = try written(folder)
            let whole = try bytes(of: path)
            var random = SeededNumbers(8)
            var kept = [1, 2, 511, 512, 1023, 1024, 1025, 1536, whole.count].map { Int(plan.size) - $0 }
            for _ in 0..<50 { kept.append(Int.random(in: 0..<Int(plan.size), using: &random)) }
            for count in kept {
                try Data(whole.prefix(count)).write(to: URL(filePath: path))
                #expect(!findings(path).isEmpty, "cut to \(count) bytes")
            }
        }
    }

    @Test(arguments: [[0], [1], [UInt8](repeating: 0, count: 512), Array(repeating: 7, count: 10240)])
    func anExtensionIsFound(_ surplus: [UInt8]) throws {
        try withFolder { folder in
            let (path, _) = try written(folder)
            try Data(try bytes(of: path) + surplus).write(to: URL(filePath: path))
            #expect(!findings(path).isEmpty)
        }
    }

    /// The members of a fresh bundle, changed by a shell command and made into a tar by GNU tar.
    func remade(in folder: String, _ change: String, _ members: String = ".") throws -> String {
        let (path, _) = try written(folder)
        let inside = folder + "/x"
        try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: false)
        for command in ["tar xf \(path)", change, "tar -cf ../remade.tar \(members)"] {
            let outcome = try run("sh", "-c", command, in: inside)
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
        return folder + "/remade.tar"
    }

    @Test(arguments: [
        ".", "--format=posix oci-layout index.json blobs", "--format=ustar index.json blobs oci-layout",
    ])
    func aTarRemadeOfTheMembersOpens(_ members: String) throws {
        try withFolder { folder in
            let path = try remade(in: folder, "true", members)
            #expect(findings(path) == [])
            #expect(try Bundle(opening: path).indexDigest == fixture.plan().indexDigest)
        }
    }

    @Test(arguments: [
        ("touch blobs/sha256/foreign", "is not a member of a bundle"),
        ("touch extra", "is not a member of a bundle"),
        ("ln -s index.json blobs/sha256/link", "is a symlink"),
        ("rm index.json; ln -s oci-layout index.json", "is a symlink"),
        ("ln index.json hardLink", "hardLink"),
        ("mkfifo blobs/pipe", "is a fifo"),
        ("mkdir other", "is a directory"),
        ("rm index.json", "has no index.json"),
        ("rm oci-layout", "has no oci-layout"),
        (
            "echo '{\"imageLayoutVersion\":\"2.0.0\"}' > oci-layout",
            "an OCI image layout that sealift has not made"
        ),
        ("rm \"$(ls -S blobs/sha256/* | head -1)\"", "is not in it"),
        ("echo foreign > f; mv f blobs/sha256/$(sha256sum f | cut -c1-64)", "belongs to nothing"),
        ("echo foreign >> \"$(ls -S blobs/sha256/* | head -1)\"", "bytes"),
    ])
    func foreignMembersAreRefused(_ change: String, _ finding: String) throws {
        try withFolder { folder in
            let found = findings(try remade(in: folder, change))
            #expect(found.count == 1 && found[0].contains(finding), "\(found)")
        }
    }

    @Test func aMemberThatIsThereTwiceIsRefused() throws {
        try withFolder { folder in
            let (path, _) = try written(folder)
            #expect(try run("tar", "xf", path, "index.json", in: folder).status == 0)
            #expect(try run("tar", "rf", path, "index.json", in: folder).status == 0)
            let found = findings(path)
            #expect(found.count == 1 && found[0].contains("index.json is there twice"), "\(found)")
        }
    }

    @Test(arguments: [
        ("rm b.tar.003", "b.tar.003: it is missing"),
        ("rm b.tar.001", "b.tar: there is neither"),
        ("truncate -s -1 b.tar.002", "b.tar.002: it has"),
        ("cp b.tar.002 b.tar.001", "b.tar"),
        ("cp b.tar.002 b.tar.003", "b.tar.003"),
        ("ln -f b.tar.002 b.tar.003", "b.tar.003: it is the same file as"),
        (
            "cp b.tar.001 b.tar.999; mv b.tar.999 $(printf b.tar.%03d $(($(ls b.tar.* | wc -l))))",
            "the bundle has"
        ),
        ("mv b.tar.002 t; mv b.tar.003 b.tar.002; mv t b.tar.003", "b.tar"),
    ])
    func volumeFaultsAreNamed(_ change: String, _ finding: String) throws {
        try withFolder { folder in
            let (path, _) = try written(folder, volumeSize: 11_000)
            #expect(findings(path) == [])
            #expect(try run("sh", "-c", change, in: folder).status == 0)
            let found = findings(path)
            #expect(found.first?.contains(finding) == true, "\(found)")
        }
    }

    @Test func aVolumeOfAnotherRunIsNamed() throws {
        try withFolder { folder in
            let (path, _) = try written(folder, volumeSize: 11_000)
            let other = try Fixture(seed: 2)
            try other.write(try other.plan(volumeSize: 11_000), at: folder + "/other")
            #expect(try run("cp", "other.003", "b.tar.003", in: folder).status == 0)
            let found = findings(path)
            #expect(found.first?.contains("b.tar.003") == true, "\(found)")
        }
    }

    @Test func mutatedBundlesNeverCrashTheReader() throws {
        try withFolder { folder in
            let small = try Fixture([.list, .ociIndex], layer: 100)
            try small.write(try small.plan(), at: folder + "/b")
            let whole = try bytes(of: folder + "/b")
            var random = SeededNumbers(9)
            var survived = 0
            for _ in 0..<250 {
                var mutated = whole
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: 0..<mutated.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: mutated[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: mutated.removeSubrange(place..<min(mutated.count, place + 512))
                    case 2: mutated.insert(contentsOf: whole[..<512], at: place / 512 * 512)
                    default:
                        let digits = "0123456789".utf8.randomElement(using: &random)!
                        let header = place / 512 * 512 + 124
                        if header + 11 < mutated.count { mutated[header + place % 11] = digits }
                    }
                }
                guard mutated != whole else { continue }
                try Data(mutated).write(to: URL(filePath: folder + "/m"))
                if findings(folder + "/m").isEmpty { survived += 1 }
            }
            #expect(survived == 0)
        }
    }

    /// Sizes that no medium has, in the annotations that say how a bundle is split.
    @Test(
        arguments: [
            (Int64.max, Int64.max), (1, .max), (.max, 1), (0, 0), (-1, -1), (.min, .min), (1 << 53, 1 << 53),
            (1 << 52, 1),
        ] as [(Int64, Int64)])
    func volumeSizesOutOfBoundsAreRefused(_ size: Int64, _ volumeSize: Int64) throws {
        try withFolder { folder in
            let index = Array(
                #"{"annotations":{"io.sealift.bundle.size":"\#(size)","io.sealift.volume.size":"\#(volumeSize)"},"manifests":[]}"#
                    .utf8)
            var tar: [UInt8] = []
            for (name, bytes) in [
                ("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", index),
            ] {
                tar +=
                    TarHeader(name: Array(name.utf8), mode: 0o644, size: Int64(bytes.count)).encoded() + bytes
                tar += [UInt8](repeating: 0, count: TarBlock.padding(after: Int64(bytes.count)))
            }
            tar += [UInt8](repeating: 0, count: 1024)
            try Data(tar).write(to: URL(filePath: folder + "/b.001"))
            for path in ["/b", "/b.001"] {
                let refused = #expect(throws: Failure.self) { try Bundle(opening: folder + path) }
                #expect([.data, .input].contains(refused?.kind))
            }
        }
    }
}
