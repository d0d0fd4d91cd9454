// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Sealer
import Spec
import Synchronization
import TestSupport
import Testing

@testable import Apply

/// Whole applies of a bundle of two builds without a base, into a store of their own.
@Suite struct ApplierTests {
    private let scratch: Scratch
    private static let platform = try! Platform("linux/amd64")

    init() throws { scratch = try Scratch() }

    private var store: String { scratch("store") }

    private struct Content: ContentSource {
        let bytes: [UInt8]
        func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream { MemoryStream(bytes) }
    }

    /// A bundle whose second build is upon the first; `text` is what both ship.
    private func bundle(_ text: String = "shipped", run: String? = nil) throws -> BundleFormat.Bundle {
        let content = Content(bytes: Array(text.utf8))
        func build(_ name: String, from: String, _ more: String = "") throws -> Spec.Build {
            .init(
                tag: try Reference("example.org/\(name):1"),
                context: [.putFile(path: "etc/\(name)", file: "file")],
                kubefile: "FROM \(from)\nARG SITE=here\nCOPY etc .\nCMD ls \(name)\(more)\n")
        }
        let file = Lock.File(
            name: "file", platform: nil, url: "https://example.invalid/f", digest: Digest(of: content.bytes),
            size: Int64(content.bytes.count))
        let spec = Spec(
            name: "applied", platforms: [Self.platform],
            files: ["file": .init(urls: ["https://example.invalid/f"])],
            builds: [
                try build("one", from: "scratch", run.map { "\nRUN \($0)" } ?? ""),
                try build("two", from: "example.org/one:1"),
            ])
        let path = scratch("\(Digest(of: Array((text + (run ?? "")).utf8)).short).sealift")
        let plan = try BundlePlan(spec: spec, lock: Lock(images: [], files: [file]), images: [])
        let writer = try BundleWriter(plan, at: path)
        for blob in writer.pending { try writer.fill(blob, from: content) }
        try writer.finish()
        return try Bundle(opening: path)
    }

    private final class Events: Sendable {
        private let all = Mutex<[ApplyEvent]>([])
        func add(_ event: ApplyEvent) { all.withLock { $0.append(event) } }
        var notes: [String] {
            all.withLock { $0.compactMap { if case .note(let text) = $0 { text } else { nil } } }
        }
        var began: [String] {
            all.withLock {
                $0.compactMap {
                    if case .began(let number, let count, let title, _) = $0 {
                        "\(number)/\(count) \(title)"
                    } else {
                        nil
                    }
                }
            }
        }
        var read: Int64 {
            all.withLock { $0.reduce(0) { if case .read(let bytes) = $1 { $0 + bytes } else { $0 } } }
        }
    }

    private func applier(
        _ bundle: BundleFormat.Bundle, _ events: Events = Events(), settings: BuildSettings = BuildSettings()
    ) throws -> Applier {
        try Applier(bundle, store: store, platform: Self.platform, settings: settings) { events.add($0) }
    }

    @Test func theStepsAreTakenOnce() throws {
        let (bundle, events) = (try bundle(), Events())
        let plan = try applier(bundle).plan()
        #expect(plan.steps.map(\.title) == ["build example.org/one:1", "build example.org/two:1"])
        #expect(plan.steps.map(\.bytes) == [7, 7] && plan.steps.allSatisfy { !$0.isDone })
        #expect(!FileManager.default.fileExists(atPath: store), "a plan makes no store")
        let receipt = try applier(bundle, events).run()
        #expect(events.began == ["1/2 build example.org/one:1", "2/2 build example.org/two:1"])
        #expect(events.read == 14)
        #expect(receipt.isDone && receipt.bundle == bundle.indexDigest && receipt.name == "applied")
        #expect(receipt.images.map(\.name) == ["example.org/one:1", "example.org/two:1"])
        #expect(Set(receipt.images.flatMap { $0.layers.map(\.id) }) == Set(receipt.added ?? []))
        #expect(receipt.images[1].layers.starts(with: receipt.images[0].layers))
        try applier(bundle).verify(receipt)

        let again = Events()
        #expect(try applier(bundle, again).run() == receipt)
        #expect(again.began.isEmpty && again.notes.contains { $0.contains("nothing to do") })
        #expect(try applier(bundle).plan().steps.allSatisfy(\.isDone))
    }

    /// Whatever is gone of what the receipt lists is made again.
    @Test func whatIsGoneIsMadeAgain() throws {
        let bundle = try bundle()
        let receipt = try applier(bundle).run()
        let opened = try Store(at: store)
        let layer = try #require(receipt.images[0].layers.first?.id)
        for gone in [
            opened.layerFolder(layer), opened.layerDatabase(layer), opened.imageFile(receipt.images[1].id),
            receipt.path,
        ] {
            try FileManager.default.removeItem(atPath: gone)
            #expect(try applier(bundle).plan().steps.contains { !$0.isDone }, "\(gone)")
            let made = try applier(bundle).run()
            #expect(made.images == receipt.images && FileManager.default.fileExists(atPath: gone), "\(gone)")
            try applier(bundle).verify(made)
        }
        // A name that another image has by now is no longer what was applied.
        let other = try self.bundle("another")
        _ = try applier(other).run()
        #expect(try applier(bundle).plan().steps.allSatisfy { !$0.isDone })
    }

    @Test func damageIsNamedAndFoundByVerify() throws {
        let bundle = try bundle()
        let receipt = try applier(bundle).run()
        let opened = try Store(at: store)
        let layer = try #require(receipt.images[1].layers.last?.id)
        #expect(try applier(bundle).bytesToVerify(receipt) > 0)
        try "changed".write(
            toFile: "\(opened.layerFolder(layer))/etc/two", atomically: false, encoding: .utf8)
        let failure = #expect(throws: Failure.self) { try applier(bundle).verify(receipt) }
        #expect(failure?.kind == .data && failure?.reason.contains("\(layer)") == true)
        #expect(failure?.remedy.contains("store repair") == true)
    }

    @Test func aFailureInALaterStepLeavesNoTrace() throws {
        let first = try applier(bundle()).run()
        let bad = try bundle("bad", run: "exit 3")
        var settings = BuildSettings()
        settings.allowsRun = true
        let before = try names()
        #expect(throws: Failure.self) { try applier(bad, settings: settings).run() }
        #expect(try names() == before)
        #expect(try Receipt.all(in: store) == [first])
        try applier(bundle()).verify(first)
    }

    private func names() throws -> [String] {
        (FileManager.default.enumerator(atPath: store)?.allObjects as? [String] ?? [])
            .filter { !$0.hasPrefix(".sealift") }.sorted()
    }

    @Test func commandsNeedConsent() throws {
        let bundle = try bundle(run: "true")
        #expect(try applier(bundle).needsConsent)
        #expect(try applier(bundle).commands() == ["example.org/one:1, line 5: RUN true"])
        let failure = #expect(throws: Failure.self) { try applier(bundle).run() }
        #expect(failure?.kind == .denied && failure?.reason.contains("RUN true") == true)
        #expect(!FileManager.default.fileExists(atPath: scratch("store/metadata")))
        #expect(try applier(self.bundle()).commands().isEmpty)
    }

    @Test func argumentsAndPlatformsMustBeKnown() throws {
        let bundle = try bundle()
        var settings = BuildSettings()
        settings.arguments = ["SIDE": "x"]
        let unknown = #expect(throws: Failure.self) { try applier(bundle, settings: settings) }
        #expect(unknown?.kind == .usage && unknown?.remedy.contains("SITE") == true)
        let arm = try Platform("linux/arm64")
        let missing = #expect(throws: Failure.self) {
            try Applier(bundle, store: store, platform: arm) { _ in }
        }
        #expect(missing?.kind == .usage && missing?.reason.contains("linux/amd64") == true)
        settings.arguments = ["SITE": "there"]
        let given = try applier(bundle, settings: settings).run()
        let own = try Applier(bundle, store: scratch("other"), platform: Self.platform) { _ in }.run()
        #expect(given.images.map(\.layers) == own.images.map(\.layers))
        #expect(given.images.map(\.id) != own.images.map(\.id), "an argument is part of the image")
    }

    @Test func anOlderBundleIsWarnedOf() throws {
        let (old, new) = (try bundle("old"), try bundle("new"))
        func warnings() throws -> [String] { try applier(old).warnings().filter { $0.contains("older") } }
        _ = try applier(old).run()
        #expect(try warnings().isEmpty)
        _ = try applier(new).run()
        #expect(try warnings().count == 1)
        _ = try applier(old).run()
        #expect(try warnings().isEmpty)
        #expect(try applier(old).warnings().count == 1, "nobody signed it")
    }
}
