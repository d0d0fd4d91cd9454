// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Sealer

/// The list of images, of which one name has an image for each platform, through failed runs.
@Suite struct ListRollbackTests {
    private let scratch: Scratch
    private let store: Store
    private static let amd64 = try! Platform("linux/amd64")
    private static let arm64 = try! Platform("linux/arm64")

    init() throws {
        scratch = try Scratch()
        store = try Store(at: scratch("store"))
    }

    private func image(_ comment: String, _ platform: Platform, name: String = "example.org/app:1")
        -> SealerImage
    {
        var image = SealerImage()
        image.name = name
        image.platform = .init(platform)
        image.commands.current = [comment]
        return image
    }

    private func list() throws -> [String: String] {
        try Dictionary(
            uniqueKeysWithValues: store.images().map { ("\($0.name) \($0.platform.value)", $0.id) })
    }

    private struct Stop: Error {}

    /// - Parameter meanwhile: what another program does to the list before the run fails.
    private func fail(_ writer: StoreWriter, after images: [SealerImage], meanwhile: () throws -> Void = {})
        throws
    {
        for image in images { try writer.register(image) }
        try meanwhile()
        try writer.rollBack()
    }

    @Test func eachPlatformGetsItsOwnImageBack() throws {
        let writer = try store.writer()
        try writer.register(image("one", Self.amd64))
        try writer.register(image("two", Self.arm64))
        writer.commit()
        let (before, bytes) = (try list(), try store.listBytes())
        #expect(Set(before.values).count == 2)
        for replaced in [
            [Self.amd64], [Self.arm64], [Self.amd64, Self.arm64], [Self.arm64, Self.amd64, Self.arm64],
        ] {
            try fail(writer, after: replaced.enumerated().map { image("new \($0.offset)", $0.element) })
            #expect(try store.listBytes() == bytes, "\(replaced)")
        }
    }

    /// sealer takes no lock: what it lists during the run stays, and the run's own entries go back one by one.
    @Test(arguments: [[amd64], [arm64], [amd64, arm64]])
    func whatOthersListMeanwhileStays(_ platforms: [Platform]) throws {
        let writer = try store.writer()
        try writer.register(image("one", Self.amd64))
        writer.commit()
        let before = try list()
        let other = StoredImage(
            name: "example.org/other:1", id: String(repeating: "0", count: 64), created: "now", size: 1,
            platform: .init(Self.amd64))
        try fail(writer, after: platforms.map { image("new", $0) }) {
            var list = try store.list()
            list.set(other)
            try Data(list.bytes).write(to: URL(filePath: store.listFile))
        }
        #expect(try list() == before.merging(["example.org/other:1 linux/amd64": other.id]) { $1 })
    }

    @Test func removingOnePlatformLeavesTheOther() throws {
        let writer = try store.writer()
        let one = try writer.register(image("one", Self.amd64)).entry
        let two = try writer.register(image("two", Self.arm64)).entry
        writer.commit()
        try writer.relist([(one, nil)])
        #expect(try list() == ["example.org/app:1 linux/arm64": two.id])
        try writer.relist([(two, one)])
        #expect(try list()["example.org/app:1 linux/amd64"] == one.id)
    }
}
