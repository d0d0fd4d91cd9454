// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Registry
import Spec
import TestSupport
import Testing

@testable import Collect

/// Whole collects of files: what is made, recorded and left behind.
@Suite struct CollectorTests {
    private let server: FileServer
    private let scratch: Scratch

    init() throws {
        server = try FileServer()
        scratch = try Scratch()
        try server.scratch.write("remote", "far away")
        try scratch.write("own", "of this host")
        try spec()
    }

    private func spec(_ more: String = "") throws {
        try scratch.write(
            "x.yaml",
            """
            version: 1
            name: x
            platforms: [linux/amd64]
            files:
              far: { url: "\(server.url("remote"))" }
              own: { path: own }
              said: { text: "in the spec" }
            \(more)
            """)
    }

    private var output: String { scratch("out.sealift") }

    private func collect(_ change: (inout CollectOptions) -> Void = { _ in }) async throws -> Collected {
        let log = ProvenanceLog()
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [server.host]
        settings.retry.attempts = 1
        settings.onEvent = log.take
        var options = CollectOptions(spec: try SpecReader.read(path: scratch("x.yaml")))
        options.output = output
        options.log = log
        change(&options)
        return try await Collector(options, client: RegistryClient(settings)) { _ in }.run()
    }

    /// What is there besides the spec, its lock and its own file.
    private func made() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path)
            .filter { !["x.yaml", "own"].contains($0) }.sorted()
    }

    private func content(_ bundle: BundleFormat.Bundle) throws -> [String: String] {
        try Dictionary(
            uniqueKeysWithValues: bundle.files.map {
                ($0.title, String(decoding: try bundle.bytes(of: $0.descriptor), as: UTF8.self))
            })
    }

    /// One blob of the record, as its JSON has it.
    private struct Blob: Decodable {
        struct Answer: Decodable { var asked: String }
        var owner: String, way: String, place: String?, answers: [Answer]?
    }

    @Test func whatIsMadeIsWholeAndRecorded() async throws {
        let collected = try await collect()
        #expect(try made() == ["out.sealift"], "no scratch file stays")
        let bundle = try Bundle(opening: output)
        #expect(bundle.verify().isEmpty && bundle.indexDigest == collected.digest)
        #expect(try content(bundle) == ["far": "far away", "own": "of this host", "said": "in the spec"])
        #expect(collected.fetched == 8 && collected.copied == 12 + 11 && !collected.unchanged)
        let provenance = try #require(collected.provenance)
        struct Record: Decodable { var blobs: [Blob] }
        let blobs = try JSONDecoder().decode(Record.self, from: JSONEncoder().encode(provenance)).blobs
        let ways = Dictionary(blobs.map { ($0.owner, $0) }) { first, _ in first }
        #expect(
            ways.mapValues(\.way) == [
                "the bundle document": "made", "far": "network", "own": "file", "said": "file",
            ])
        #expect(ways["far"]?.answers?.first?.asked.hasSuffix("/sized/remote") == true)
        #expect(ways["own"]?.place == scratch("own"))
        #expect(ways["own"]?.answers == nil)
    }

    @Test func anEqualCollectDoesNothingAndAnotherOneReplaces() async throws {
        let first = try await collect()
        let again = try await collect()
        #expect(again.unchanged && again.digest == first.digest && again.fetched == 0)
        #expect(again.provenance == nil, "what this run did not make has no record")
        try scratch.write("own", "changed")
        let other = try await collect()
        #expect(!other.unchanged && other.digest != first.digest)
        #expect(try content(Bundle(opening: output))["own"] == "changed")
        #expect(other.fetched == 0, "the rest is copied from the bundle that is there")
    }

    @Test func aFailureLeavesWhatWasThere() async throws {
        let first = try await collect()
        let bytes = try scratch.bytes("out.sealift")
        try spec("  gone: { url: \"\(server.url("none"))\" }\n  lost: { path: nowhere }")
        let failure = await #expect(throws: Failure.self) { try await collect() }
        for word in ["/sized/none", "nowhere", "2 mistakes"] {
            #expect(failure?.description.contains(word) == true, "one report has all mistakes: \(failure!)")
        }
        #expect(try scratch.bytes("out.sealift") == bytes)
        // The next run resumes; what had to be fetched to be looked at is gone.
        #expect(try !made().contains { $0.hasSuffix(".files") })
        #expect(try Bundle(opening: output).indexDigest == first.digest)
    }

    @Test func volumesAreWholeTogether() async throws {
        try scratch.write("own", Array(repeating: UInt8(7), count: 50_000))
        _ = try await collect { $0.volumeSize = 20_000 }
        let volumes = try made()
        #expect(volumes.count >= 3 && volumes.allSatisfy { $0.hasPrefix("out.sealift.") }, "\(volumes)")
        let sizes = try volumes.map { try scratch.bytes($0).count }
        #expect(sizes.dropLast().allSatisfy { $0 == 20_000 } && sizes.last! <= 20_000)
        let bundle = try Bundle(opening: scratch(volumes[0]))
        #expect(bundle.verify().isEmpty)
    }

    @Test func oneRunAtATimeWritesAPlace() async throws {
        var hold: OutputHold? = try OutputHold(output)
        let failure = await #expect(throws: Failure.self) { try await collect() }
        #expect(failure?.kind == .busy)
        #expect(hold?.path == output)
        hold = nil
        _ = try await collect()
        // Through a link the file is meant, and so is its hold.
        #expect(symlink("out.sealift", scratch("link")) == 0)
        hold = try OutputHold(scratch("link"))
        #expect(hold?.path.hasSuffix("/out.sealift") == true)
        await #expect(throws: Failure.self) { try await collect() }
        #expect(throws: Failure.self) { try OutputHold(scratch.path) }
    }

    @Test func aPlanFetchesNothing() async throws {
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [server.host]
        var options = CollectOptions(spec: try SpecReader.read(path: scratch("x.yaml")))
        options.output = output
        let preview = try await Collector(options, client: RegistryClient(settings)) { _ in }.plan()
        #expect(preview.unknown.map(\.title) == ["far"] && preview.unknown.map(\.size) == [8])
        #expect(preview.plan.blobs.map(\.owner).suffix(2) == ["own", "said"])
        #expect(server.requests == ["HEAD /sized/remote"])
        #expect(try made() == [])
    }
}
