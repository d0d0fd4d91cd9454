// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Apply
@testable import Sealer

/// The receipt of an apply and its rollback, through kills, reruns and failures, over a real store.
@Suite struct ReceiptTests {
    private let scratch: Scratch
    private var folder: String { scratch.path }
    private let store: Store
    private let amd = try! Platform("linux/amd64")
    private let name = try! Reference("example.org/app:1")

    init() throws {
        scratch = try Scratch()
        store = try Store(at: scratch.path)
    }

    private func image(_ content: String, platform: Platform? = nil, by writer: StoreWriter) throws
        -> SealerImage
    {
        let layer = try #require(
            try writer.stageLayer { (folder) throws(Failure) in
                try AtomicWrite.write(Array(content.utf8), to: "\(folder)/file")
                // An equal content is an equal layer, whenever it is made.
                var times = [timespec](repeating: timespec(), count: 2)
                _ = utimensat(AT_FDCWD, "\(folder)/file", &times, 0)
            })
        var image = SealerImage()
        image.name = name.description
        image.platform = .init(platform ?? amd)
        image.layers = [.init(id: layer.id, type: "COPY", value: content)]
        return try writer.register(image, with: [layer], created: 0).image
    }

    private func record(_ number: UInt8 = 1, platform: Platform? = nil) throws -> ApplyRecord {
        try ApplyRecord(
            .init(bundle: Digest(of: [number]), name: "test \(number)", platform: platform ?? amd),
            store: store,
            names: [name])
    }

    /// An apply that comes to its end.
    @discardableResult
    private func applied(_ number: UInt8, _ content: String, platform: Platform? = nil) throws -> Receipt {
        let writer = try store.writer()
        let record = try record(number, platform: platform)
        try record.begin()
        let receipt = try record.end(images: [image(content, platform: platform, by: writer)])
        writer.commit()
        return receipt
    }

    /// An apply that is killed after it has listed its image.
    private func killed(_ number: UInt8, _ content: String) throws {
        let writer = try store.writer()
        try record(number).begin()
        _ = try image(content, by: writer)
    }

    private func rolledBack(_ number: UInt8? = nil, platform: Platform? = nil) throws -> Rollback.Outcome {
        try #require(
            try Rollback(store: store.path, bundle: number.map { Digest(of: [$0]) }, platform: platform)
        ).run()
    }

    /// What sealer sees: every file of data and metadata but times.
    private func content() throws -> [String: String] {
        var found: [String: String] = [:]
        for case let path as String in FileManager.default.enumerator(atPath: folder) ?? .init()
        where path.hasPrefix("data/overlay2/") || path.hasPrefix("metadata/") {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isFolder)
            found[path] =
                isFolder.boolValue
                ? "" : try Digest(of: Array(Data(contentsOf: URL(filePath: "\(folder)/\(path)")))).hex
        }
        return found
    }

    @Test func aRollbackGivesBackWhatWasThere() throws {
        try applied(1, "one")
        let before = try content()
        try applied(2, "two")
        let outcome = try rolledBack()
        #expect(outcome.layers.count == 1 && outcome.images.count == 1)
        #expect(try content() == before)
        #expect(try Receipt.all(in: store.path).map(\.name) == ["test 1"])
    }

    @Test func killedThenRerunThenRolledBack() throws {
        try applied(1, "one")
        let before = try content()
        try killed(2, "two")
        try applied(2, "two")
        _ = try rolledBack()
        #expect(try content() == before)
    }

    @Test(arguments: [false, true]) func killedThenAnotherThenRerunIsUndoneInTurn(hadListed: Bool) throws {
        let listed = { try store.images().map(\.id) }
        try applied(1, "one")
        let (first, before) = (try listed(), try content())
        if hadListed { try killed(2, "two") } else { try record(2).begin() }
        try applied(3, "three")
        let second = try listed()
        #expect(second != first)
        try applied(2, "two")
        // Not the last apply: it says which one is.
        let refused = #expect(throws: Failure.self) { try rolledBack(3) }
        #expect(refused?.remedy.contains("roll back the apply of test 2 first") == true, "\(refused as Any)")
        _ = try rolledBack()
        #expect(try listed() == second)
        _ = try rolledBack()
        #expect(try content() == before)
    }

    @Test func killedTwiceInOtherPlacesThenRolledBack() throws {
        try applied(1, "one")
        let before = try content()
        try killed(2, "half")
        try killed(2, "two")
        _ = try rolledBack()
        #expect(try content() == before)
    }

    @Test func appliedAgainKeepsWhatTheFirstReplaced() throws {
        try applied(1, "one")
        let before = try content()
        try applied(2, "two")
        let again = try applied(2, "two")
        #expect(again.sequence == 3)
        _ = try rolledBack(2)
        #expect(try content() == before)
    }

    @Test func aRollbackOfOnePlatformLeavesTheOther() throws {
        let arm = try Platform("linux/arm64")
        try applied(1, "amd")
        let before = try content()
        try applied(1, "arm", platform: arm)
        _ = try rolledBack(1, platform: arm)
        #expect(try content() == before)
        #expect(try store.images().map(\.platform.value) == [amd])
    }

    @Test func aRollbackIsRefusedWhereOthersDepend() throws {
        try applied(1, "one")
        let writer = try store.writer()
        var other = try #require(try store.image(named: name, for: amd))
        (other.name, other.id) = ("example.org/other:1", "")
        try writer.register(other)
        writer.commit()
        let before = try content()
        let rollback = try #require(try Rollback(store: store.path, bundle: nil, platform: nil))
        let failure = #expect(throws: Failure.self) { try rollback.plan() }
        #expect(failure?.kind == .busy && failure?.reason.contains("example.org/other:1") == true)
        #expect(try content() == before)
    }

    @Test func aRollbackIsRefusedWhereTheNameIsAnotherImage() throws {
        try applied(1, "one")
        try applied(2, "two")
        let failure = #expect(throws: Failure.self) { try rolledBack(1) }
        #expect(failure?.kind == .busy)
    }

    /// The receipt goes last: where it cannot, everything else comes back.
    @Test func aRollbackThatFailsChangesNothing() throws {
        try applied(1, "one")
        let receipt = try applied(2, "two")
        let before = try content()
        let rollback = try #require(try Rollback(store: store.path, bundle: nil, platform: nil))
        try FileManager.default.removeItem(atPath: receipt.path)
        try FileManager.default.createDirectory(atPath: receipt.path, withIntermediateDirectories: false)
        #expect(throws: Failure.self) { try rollback.run() }
        #expect(try content() == before)
    }

    @Test func aFailedRunPutsTheReceiptBack() throws {
        let receipt = try applied(1, "one")
        // As another version might write it.
        let text = "\n" + (try String(contentsOfFile: receipt.path, encoding: .utf8))
        try text.write(toFile: receipt.path, atomically: true, encoding: .utf8)
        let again = try record(1)
        try again.begin()
        #expect(try String(contentsOfFile: receipt.path, encoding: .utf8) != text)
        try again.takeBack()
        #expect(try String(contentsOfFile: receipt.path, encoding: .utf8) == text)
    }

    @Test func aFailedFirstRunLeavesNoReceipt() throws {
        let writer = try store.writer()
        let record = try record(1)
        try record.begin()
        #expect(FileManager.default.fileExists(atPath: "\(folder)/sealift"))
        try record.takeBack()
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/sealift"))
        try writer.rollBack()
    }

    @Test func whatTheLastApplyReplacedIsKeptFromGarbage() throws {
        let first = try applied(1, "one")
        try applied(2, "two")
        let kept = try Receipt.restorable(in: store.path)
        #expect(kept == [first.images[0].id])
        #expect(try store.garbage(keeping: kept).isEmpty)
        #expect(try !store.garbage().isEmpty)
    }

    /// What may happen to a bundle's apply. A run that is killed has built something else than the one that ends, as RUN may.
    private enum Event: CaseIterable { case applied, killed, appliedOtherwise, rolledBack }

    /// Whatever the order of an apply, its kills, its reruns and rollbacks: what was there before is there in the end.
    @Test func aRollbackEndsWhereItBeganInEveryOrder() throws {
        let events = Event.allCases
        for order in events.flatMap({ one in events.flatMap { two in events.map { [one, two, $0] } } }) {
            let trial = try ReceiptTests()
            try trial.applied(9, "there before")
            let before = try trial.content()
            for event in order + [.rolledBack] {
                switch event {
                case .applied: try trial.applied(1, "one")
                case .appliedOtherwise: try trial.applied(1, "one, built otherwise")
                case .killed: try trial.killed(1, "half of one")
                case .rolledBack:
                    if try Receipt.all(in: trial.folder).count > 1 { _ = try trial.rolledBack() }
                    let after = try trial.content()
                    #expect(after == before, "\(order): \(Set(after.keys).symmetricDifference(before.keys))")
                }
            }
            #expect(try Receipt.all(in: trial.folder).map(\.name) == ["test 9"], "\(order)")
        }
    }

    /// What others have put there between a killed run and its rerun is not the rerun's.
    @Test func whatOthersAppliedAfterAKillIsTheirs() throws {
        try killed(1, "half of one")
        do {
            let writer = try store.writer()
            var other = try image("of another", by: writer)
            (other.name, other.id) = ("example.org/other:1", "")
            try writer.register(other)
            writer.commit()
        }
        try applied(1, "one")
        _ = try rolledBack(1)
        #expect(try store.images().map(\.name) == ["example.org/other:1"])
        #expect(try store.check().allSatisfy(\.isHarmless))
    }

    @Test func whatIsNoReceiptIsNotRead() throws {
        let receipt = try applied(1, "one")
        let text = try String(contentsOfFile: receipt.path, encoding: .utf8)
        #expect(try Receipt.load(receipt.path) == receipt)
        for (old, new) in [("\"version\" : 2", "\"version\" : 3"), ("{", "["), ("\"isDone\" : true,", "")] {
            try text.replacing(old, with: new).write(toFile: receipt.path, atomically: true, encoding: .utf8)
            #expect(try Receipt.load(receipt.path) == nil, "\(new)")
            #expect(try Receipt.all(in: folder).isEmpty)
            #expect(try Rollback(store: folder, bundle: nil, platform: nil) == nil)
        }
        // Its place counts, not what it says of it.
        let moved = try scratch.write("sealift/receipts/moved.json", text)
        #expect(try Receipt.load(moved)?.path == moved)
        #expect(try Receipt.load(scratch("none.json")) == nil)
    }

    @Test func aPlanOfARollbackChangesNothing() throws {
        try applied(1, "one")
        try applied(2, "two")
        let before = try content()
        let plan = try #require(try Rollback(store: folder, bundle: nil, platform: nil)).plan()
        #expect(try content() == before)
        let done = try rolledBack()
        #expect(plan.layers == done.layers && plan.bytes == done.bytes && plan.bytes > 0)
        #expect(plan.images.map(\.name) == [name.description] && plan.images[0].to != nil)
    }

    /// The image that had the name before may be gone; then the name is taken away, and a note says why.
    @Test func whatWasReplacedMayBeGone() throws {
        let first = try applied(1, "one")
        try applied(2, "two")
        try FileManager.default.removeItem(atPath: store.imageFile(first.images[0].id))
        let outcome = try rolledBack(2)
        #expect(outcome.notes.count == 1 && outcome.notes[0].contains("no more"))
        #expect(outcome.images.map(\.to) == [nil])
        #expect(try store.images().isEmpty)
    }
}
