// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite(.enabled(if: isRoot)) struct KillTests {
    /// Checks what must hold at every moment: whatever the list names is there, whole and unchanged.
    static func check(_ path: String) throws -> Int {
        let store = try Store(at: path)
        let images = try store.images()
        for entry in images {
            let image = try #require(try store.image(named: Reference(entry.name), for: entry.platform.value))
            for id in image.layerIDs {
                #expect(store.hasLayer(id))
                #expect(try Layer.measure(folder: store.layerFolder(id), tarSplit: nil).id == id)
                #expect(FileManager.default.fileExists(atPath: "\(store.layerDatabase(id))/tar-data.json.gz"))
            }
        }
        return images.count
    }

    @Test func killedAtAnyMomentTheStoreIsWhole() async throws {
        let scratch = try Scratch()
        let path = scratch.path
        // A first run that is not killed says how long the work takes, so that the moments fall into it.
        let clock = ContinuousClock()
        let whole = try clock.measure {
            let aside = try Scratch()
            _ = try LiteBuildTests.guideBuilt(into: Store(at: aside("store")), aside)
        }
        let longest = Int(
            whole.components.seconds * 1_000_000 + whole.components.attoseconds / 1_000_000_000_000)
        for run in 0..<12 {
            let moment = Int.random(in: 0...longest)
            await #expect(processExitsWith: .signal(SIGKILL), "run \(run), after \(moment) µs") {
                [path = path as String, moment = moment as Int] in
                // What a killed process leaves goes with the folder of its parent.
                setenv("TMPDIR", path, 1)
                spawnThread {
                    usleep(UInt32(moment))
                    kill(getpid(), SIGKILL)
                }
                let store = try Store(at: path + "/store")
                let guide = try LiteBuildTests.guide(in: Scratch(existing: path))
                let writer = try store.writer()
                try GoldenBase().imported(by: writer)
                let build = try LiteBuildTests.build(
                    LiteBuildTests.kubefile, context: guide.context, content: guide.content,
                    images: guide.images)
                _ = try build.run(in: writer)
                while true { sleep(1) }
            }
            // What is done already would leave little for the next one to interrupt.
            if try Self.check(scratch("store")) == 2 {
                try FileManager.default.removeItem(atPath: scratch("store"))
            }
        }
        // A fixture of its own: a killed run may have left a half-written file in the one that it made.
        let clean = try Scratch()
        let outcome = try LiteBuildTests.guideBuilt(into: Store(at: scratch("store")), clean)
        let other = try Scratch()
        #expect(try LiteBuildTests.guideBuilt(into: Store(at: other("store")), other).image == outcome.image)
        #expect(try Self.check(scratch("store")) >= 2)
        let staging = try Golden.run(
            "find", scratch("store/.sealift"), "-mindepth", "1", "!", "-name", "lock")
        #expect(staging == "")
    }
}
