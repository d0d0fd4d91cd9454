// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// RUN, which needs a user that may mount.
@Suite(.enabled(if: isRoot)) struct RunTests {
    /// Builds from the golden base with `lines` and gives what the topmost layer holds, and the outcome.
    static func run(
        _ lines: String, in scratch: Scratch, store: String = "store", arguments: [String: String] = [:],
        time: Int64 = 0
    ) throws -> (outcome: LiteBuild.Outcome, top: String) {
        let store = try Store(at: scratch(store))
        let writer = try store.writer()
        try GoldenBase().imported(by: writer)
        var build = try LiteBuildTests.build(
            "FROM \(GoldenBase.reference)\n\(lines)", context: scratch.path,
            content: FolderContent(path: scratch("none")))
        build.arguments = arguments
        build.time = time
        let outcome = try build.run(in: writer).outcome
        return (outcome, store.layerFolder(try #require(outcome.image.layerIDs.last)))
    }

    @Test func whatACommandChangesIsALayer() throws {
        let scratch = try Scratch()
        let base = try GoldenBase().image
        let (outcome, top) = try Self.run(
            """
            ARG Name=first
            ARG Version=1
            RUN mkdir -p new/deep && echo "$Name \\$HOME ${Version}" > new/deep/file && chmod 640 new/deep/file && ln -s /away new/link
            RUN rm etc/daemon.json && rm -r cri && mkdir cri && pwd > where && touch new/x
            """, in: scratch, arguments: ["Version": "2"])
        #expect(
            outcome.image.layers.suffix(2).map(\.type) == ["RUN", "RUN"], "\(outcome.image.layers)")
        #expect(outcome.image.layers.last?.value.hasPrefix("rm etc/daemon.json") == true)
        #expect(outcome.image.arguments.current == ["Name": "first", "Version": "2"])
        let listing = try Golden.run("find", top, "-mindepth", "1", "-printf", "%y %m %T@ %P %l\n")
            .split(separator: "\n").map { $0.trimmed }.sorted()
        let zero = "0.0000000000"
        #expect(
            listing == [
                "c 0 \(zero) etc/daemon.json", "d 755 \(zero) cri", "d 755 \(zero) etc", "d 755 \(zero) new",
                "f 644 \(zero) new/x", "f 644 \(zero) where",
            ])
        #expect(try StoreTests.text("\(top)/where") == "/tmp/rootfs\n")
        let below = scratch("store/data/overlay2/\(outcome.image.layerIDs[base.layerIDs.count].hex)")
        #expect(try StoreTests.text("\(below)/new/deep/file") == "first /tmp 2\n")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(below)/new/link") == "/away")
        // Deleted and replaced folders are what the tar of the layer says.
        let names = try Golden.run("sh", "-c", "python3 '\(Golden.path("sealer_layer.py"))' digest '\(top)'")
        #expect(names.contains(try #require(outcome.image.layerIDs.last).hex))
        let cri = try Folder.open("\(top)/cri")
        #expect(cri.attribute("trusted.overlay.opaque") == [UInt8(ascii: "y")])
        #expect(cri.attribute("trusted.overlay.origin") == nil)
        #expect(cri.attribute("trusted.overlay.impure") == nil)
    }

    @Test func equalCommandsGiveEqualLayers() throws {
        let scratch = try Scratch()
        let lines =
            "RUN date > /dev/null; echo x > y; touch -d @1234567890.5 old; mkdir -p a/b; echo $$PATH > path"
        let first = try Self.run(lines, in: scratch, store: "one", time: 1_600_000_000)
        let second = try Self.run(lines, in: scratch, store: "two", time: 1_600_000_000)
        #expect(first.outcome.image == second.outcome.image)
        #expect(
            try Golden.run("stat", "-c", "%Y", "\(first.top)/y", "\(first.top)/old", "\(first.top)/a")
                == "1600000000\n1234567890\n1600000000\n")
    }

    @Test func nothingButTheLayerIsInReach() throws {
        let scratch = try Scratch()
        let marker = scratch("marker")
        let (outcome, top) = try Self.run(
            """
            RUN (touch '\(marker)' /etc/sealift-test-x 2>&1 || true) > said; ls -A /tmp > tmp; \
            cat /proc/net/route | wc -l > routes; (sleep 1000 & ) ; ls /tmp/none || true
            """, in: scratch)
        #expect(!FileManager.default.fileExists(atPath: marker))
        #expect(!FileManager.default.fileExists(atPath: "/etc/sealift-test-x"))
        #expect(try StoreTests.text("\(top)/tmp") == "rootfs\n")
        #expect(try StoreTests.text("\(top)/routes").trimmed == "1", "a header, and no route")
        #expect(outcome.notes == [])
        #expect(try !StoreTests.text("/proc/self/mountinfo").contains(scratch.path))
        #expect(try Golden.run("ls", "-A", scratch("store/.sealift/")).trimmed == "lock")
    }

    @Test func aRunThatChangesNothingMakesNoLayer() throws {
        let scratch = try Scratch()
        let (outcome, _) = try Self.run("RUN true\nRUN cat etc/* > /dev/null", in: scratch)
        #expect(outcome.image.layers.map(\.type).filter { $0 == "RUN" } == [])
    }

    @Test func shellNamesThatSealerEmptiesAreTold() throws {
        let scratch = try Scratch()
        let (outcome, top) = try Self.run("RUN for i in 1 2; do echo $i; done > out", in: scratch)
        #expect(try StoreTests.text("\(top)/out") == "\n\n")
        #expect(outcome.notes.count == 1)
        #expect(outcome.notes.first?.contains("$i is not an argument") == true)
    }

    /// Text, and what buildkit's own `shell.Lex`, as sealer 0.8.6 calls it, made of it; `nil` for an error.
    @Test(arguments: [
        ("echo $A", "echo one two"), ("echo '$A' \"$A\" \\$A", "echo $A one two $A"),
        ("echo ${A} ${B_2}y $B_2y", "echo one two xy "),
        ("echo ${A:-d} ${E:-d} ${N:-d $A}", "echo one two d d one two"),
        ("echo ${A:+d} ${E:+d} ${N:+d}", "echo d  "), ("echo ${A:?no} ${A?no}", "echo one two one two"),
        ("echo ${E:?no}", nil), ("echo ${N:?no}", nil), ("echo ${E?ok}|${N?no}", nil),
        ("for i in 1 2; do echo $i; done", "for i in 1 2; do echo ; done"),
        ("echo \"a \\\" b \\n c\" 'x\\y' a\\ b \\\\", "echo a \" b \\n c x\\y a b \\"),
        ("echo $$ $1 $@ $- $", "echo     $"), ("echo ${A", nil), ("echo \"open", nil), ("echo 'open", nil),
        ("echo ${}", nil), ("echo ${A:x}", nil), ("echo ${A%%x}", nil),
        ("awk '{print $1}' f > g", "awk {print $1} f > g"), ("echo 'it''s' \"it's\"", "echo its it's"),
        ("trailing\\", "trailing"), ("échо ${A:-é\"q\"}", "échо one two"), ("echo ${12} $12a", "echo  a"),
    ])
    func wordsAreReadAsSealerReadsThem(_ text: String, _ expected: String?) throws {
        let values = ["A": "one two", "E": "", "B_2": "x"]
        #expect((try? ShellLexer.expand(text, values: values).text) == expected)
    }

    @Test func wordsAreNestedUpToABound() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "${A:-", count: depth) + "x" + String(repeating: "}", count: depth)
        }
        #expect(try ShellLexer.expand(nested(60), values: [:]).text == "x")
        for depth in [64, 100_000] {
            let refused = #expect(throws: Failure.self) { try ShellLexer.expand(nested(depth), values: [:]) }
            #expect(refused?.reason.contains("nested") == true)
        }
    }
}

/// Without the right to mount there is no RUN, and the error says what to do.
@Suite struct RunDeniedTests {
    @Test(.enabled(if: isRoot)) func aUserWhoMayNotMountIsTold() async throws {
        // The user could not remove a folder of its own in that of all temporary files.
        let outer = try Scratch()
        try Golden.run("chmod", "0777", outer.path)
        await #expect(processExitsWith: .success) { [path = outer.path as String] in
            let scratch = Scratch(existing: path)
            setgroups(0, nil)
            guard setgid(65534) == 0, setuid(65534) == 0 else { exit(1) }
            let build = try LiteBuildTests.build(
                "FROM scratch\nRUN true", context: scratch.path, content: FolderContent(path: scratch("none"))
            )
            do { _ = try build.run(in: Store(at: scratch("store")).writer()) } catch let failure as Failure {
                exit(failure.kind == .denied && failure.remedy.contains("root") ? 0 : 1)
            }
            exit(1)
        }
    }
}

/// A thread with namespaces of its own can start no thread; a helper that was started before can.
@Suite(.enabled(if: isRoot)) struct HelperThreadTests {
    @Test func aHelperStartsThreadsForAnIsolatedThread() throws {
        let helper = try HelperThread()
        let started = try Namespaces(operation: "test", artifact: "").run { (_) throws(Failure) -> [Bool] in
            let own = spawnThread {} == nil
            let helped = try helper.run { () throws(Failure) in spawnThread {} == nil }
            return [own, helped]
        }
        #expect(started == [false, true])
        let failure = #expect(throws: Failure.self) {
            try helper.run { () throws(Failure) in throw Failure(.data, "a", "b", because: "c") }
        }
        #expect(failure?.reason == "c")
    }
}
