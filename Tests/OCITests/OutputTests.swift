// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

/// A file takes the place of a file or of nothing, never of a device, a pipe, a socket, a folder or a link.
@Suite struct OutputTests {
    private let scratch: Scratch
    private var folder: String { scratch.path }

    init() throws { scratch = try Scratch() }

    @Test func specialFilesStay() throws {
        #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
        #expect(mkdir("\(folder)/folder", 0o700) == 0)
        #expect(symlink("/dev/null", "\(folder)/device") == 0)
        #expect(symlink("nowhere", "\(folder)/dangling") == 0)
        #expect(symlink("pipe", "\(folder)/to-pipe") == 0)
        for name in ["pipe", "folder", "device", "dangling", "to-pipe", "new/"] {
            let failure = #expect(throws: Failure.self) {
                try AtomicWrite.write([1], to: "\(folder)/\(name)")
            }
            #expect(failure?.kind == .space, "\(name)")
        }
        #expect(throws: Failure.self) { try File.open("\(folder)/pipe") }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
                "dangling", "device", "folder", "pipe", "to-pipe",
            ])
        for name in ["pipe", "folder"] {
            #expect(throws: Failure.self) { try File.create("\(folder)/\(name)") }
        }
    }

    @Test func aLinkToAFileStaysALink() throws {
        try AtomicWrite.write([1], to: "\(folder)/file")
        #expect(symlink("file", "\(folder)/link") == 0)
        try AtomicWrite.write([2, 3], to: "\(folder)/link")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link") == "file")
        #expect(try File.open("\(folder)/file").size() == 2)
    }

    /// A private folder's lock, a key in the making: no other user may foresee the name and be there first.
    @Test func temporaryNamesAreRandom() throws {
        let name = AtomicWrite.temporaryPath(for: "x")
        #expect(name == AtomicWrite.temporaryPath(for: "x"))
        #expect(!name.contains("\(getpid())."))
        #expect(name.count > "x..tmp".count + 8)
    }
}
