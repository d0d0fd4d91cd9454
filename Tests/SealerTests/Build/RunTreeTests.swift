// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// What a RUN may leave in its tree for those who read it next.
@Suite(.enabled(if: isRoot)) struct RunTreeTests {
    /// A pipe would block who opens it; a socket has no place in a tar.
    @Test func pipesAndSocketsDoNotBlock() throws {
        let scratch = try Scratch()
        let (outcome, top) = try RunTests.run("RUN mkfifo pipe && echo x > file", in: scratch)
        #expect(outcome.image.layers.last?.type == "RUN")
        #expect(try Golden.run("stat", "-c", "%F", "\(top)/pipe", "\(top)/file") == "fifo\nregular file\n")
        let other = try Scratch()
        let script = #"import socket; socket.socket(socket.AF_UNIX).bind(\'s\')"#
        let command = "RUN python3 -c \\\"\(script)\\\" && echo x > file"
        do {
            let (_, top) = try RunTests.run(command, in: other)
            #expect(try StoreTests.text("\(top)/file") == "x\n")
        } catch let failure as Failure {
            #expect(failure.reason.contains("socket"), "\(failure)")
        }
        #expect(try Golden.run("ls", "-A", other("store/.sealift/")).trimmed == "lock")
    }

    /// Times and owners are set on links, not on what they mean.
    @Test func linksAreNotFollowed() throws {
        let scratch = try Scratch()
        let marker = scratch("marker")
        try Golden.run("sh", "-c", "echo x > '\(marker)' && chmod 600 '\(marker)' && touch -d @7 '\(marker)'")
        let (_, top) = try RunTests.run(
            "RUN ln -s '\(marker)' link && ln -s '\(scratch.path)' folder && chown -h 7:7 link folder",
            in: scratch)
        #expect(try Golden.run("stat", "-c", "%Y %a %u", marker) == "7 600 0\n")
        #expect(
            try Golden.run("stat", "-c", "%F %u %Y", "\(top)/link", "\(top)/folder")
                == "symbolic link 7 0\nsymbolic link 7 0\n")
    }

    @Test func foldersWithoutEndAreRefusedAndRemoved() throws {
        let scratch = try Scratch()
        let script = #"import os; exec(\'for _ in range(2000): os.mkdir(chr(100)); os.chdir(chr(100))\')"#
        let deep = "RUN python3 -c \\\"\(script)\\\""
        let refused = #expect(throws: Failure.self) { try RunTests.run(deep, in: scratch) }
        #expect(refused?.reason.contains("512") == true, "\(refused as Any)")
        #expect(try Golden.run("ls", "-A", scratch("store/.sealift/")).trimmed == "lock")
    }
}
