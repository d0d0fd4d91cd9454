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

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
        #expect(symlink("circle", "\(folder)/circle") == 0)
        let bind = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
        _ = try tool(["python3", "-c", bind, "\(folder)/socket"])
        let named = [
            ("\(folder)/pipe", "a named pipe"), ("\(folder)/socket", "a socket"), ("/dev/zero", "a device"),
            (folder, "a folder"), ("\(folder)/circle", "symbolic links"),
        ]
        for (path, kind) in named {
            let failure = #expect(throws: Failure.self) { try File.open(path) }
            #expect(failure?.kind == .input && failure?.reason.contains(kind) == true, "\(failure as Any)")
        }
    }

    @Test func whatIsNoTextIsNamed() throws {
        let tar = [UInt8](repeating: 0, count: 257) + Array("ustar".utf8)
        let forms: [(BinaryForm, [UInt8])] = [
            (.gzip, [0x1F, 0x8B, 8]), (.zstd, [0x28, 0xB5, 0x2F, 0xFD]),
            (.xz, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
            (.bzip2, Array("BZh91AY&SY".utf8)), (.zip, Array("PK\u{3}\u{4}".utf8)), (.tar, tar),
            (.program, [0x7F, 0x45, 0x4C, 0x46]), (.picture, [0x89, 0x50, 0x4E, 0x47]),
            (.document, Array("%PDF-1".utf8)), (.utf16, [0xFF, 0xFE, 0x61, 0]), (.other, [0x61, 0, 0x62]),
        ]
        for (form, bytes) in forms {
            try AtomicWrite.write(bytes + [UInt8](repeating: 1, count: 5000), to: "\(folder)/file")
            let failure = #expect(throws: Failure.self) { try File.open("\(folder)/file").text(limit: 10) }
            #expect(
                failure?.reason.hasPrefix("it is \(form.rawValue), and a text") == true, "\(failure as Any)")
        }
        #expect(forms.count == BinaryForm.allCases.count)
        for text in ["", "a: b\n", "\u{FEFF}a: ü\n", "PK", "BZh is no mark\n"] {
            try AtomicWrite.write(Array(text.utf8), to: "\(folder)/file")
            #expect(try File.open("\(folder)/file").text(limit: 100) == Array(text.utf8))
        }
    }

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
