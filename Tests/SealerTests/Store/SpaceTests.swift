// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// A file system in memory of a few bytes, unmounted when the value goes.
final class SmallMedium {
    private let scratch: Scratch
    var path: String { scratch.path }

    init(bytes: Int) throws {
        scratch = try Scratch()
        try Golden.run("mount", "-t", "tmpfs", "-o", "size=\(bytes),mode=0755", "none", scratch.path)
    }

    deinit { _ = try? Golden.run("umount", scratch.path) }
}

@Suite(.enabled(if: isRoot)) struct SpaceTests {
    /// Sizes from hardly anything to nearly enough: it ends while unpacking, while saving images, at the list.
    @Test(arguments: [32 << 10, 96 << 10, 400 << 10, 700 << 10, 900 << 10])
    func aFullMediumLosesNothing(_ bytes: Int) throws {
        let medium = try SmallMedium(bytes: bytes)
        let path = "\(medium.path)/store"
        let scratch = try Scratch()
        let failure = #expect(throws: Failure.self) {
            _ = try LiteBuildTests.guideBuilt(into: Store(at: path), scratch)
        }
        #expect(failure?.kind == .space, "\(String(describing: failure))")
        let listed = try KillTests.check(path)
        // What was finished before the end stays, and so the rerun on a larger medium continues from there.
        try Golden.run("mount", "-o", "remount,size=64M", medium.path)
        let outcome = try LiteBuildTests.guideBuilt(into: Store(at: path), scratch)
        #expect(outcome.image.layerIDs.count == 7)
        #expect(try KillTests.check(path) == 2)
        #expect(listed <= 1)
    }
}
