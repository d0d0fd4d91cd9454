// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import OCI

/// Programs of the host, run with bounds.
@Suite struct ProgramTests {
    private func shell(_ script: String, limit: Int = 1 << 20, patience: Duration = .seconds(60)) throws
        -> Program.Outcome
    {
        try Program("sh", patience: patience, limit: limit).run(["-c", script], input: Array("given".utf8))
    }

    @Test func bothOutputsAndTheStatusAreTaken() throws {
        guard case .ended(let status, let output, let errors) = try shell("cat; echo wrong >&2; exit 3")
        else {
            Issue.record("it was killed")
            return
        }
        #expect(status == 3 << 8)
        #expect(String(decoding: output, as: UTF8.self) == "given")
        #expect(String(decoding: errors, as: UTF8.self) == "wrong\n")
    }

    @Test func inputIsSentWhileOutputComes() throws {
        let input = [UInt8](repeating: 7, count: 8 << 20)
        let outcome = try Program("cat", patience: .seconds(60), limit: 9 << 20).run([], input: input)
        guard case .ended(0, let output, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(output == input)
    }

    @Test func whatItDoesNotReadIsNoFault() throws {
        let outcome = try Program("true", patience: .seconds(60), limit: 1).run(
            [], input: [UInt8](repeating: 7, count: 8 << 20))
        guard case .ended(0, [], []) = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func oneThatTakesTooLongIsKilledWithWhatItStarted() throws {
        // The inner one holds the outputs, and would keep them open for a minute.
        guard case .late = try shell("sleep 60 & wait", patience: .milliseconds(200)) else {
            Issue.record("it ended by itself")
            return
        }
    }

    @Test func oneThatWritesTooMuchIsKilled() throws {
        guard case .tooLong = try shell("yes", limit: 100_000) else {
            Issue.record("it ended by itself")
            return
        }
    }

    @Test func oneThatClosesItsOutputsAndRunsOnIsKilled() throws {
        guard case .late = try shell("exec >&- 2>&-; sleep 60", patience: .milliseconds(300)) else {
            Issue.record("it ended by itself")
            return
        }
    }

    /// What a thread of this program blocks or ignores is not passed on: the program could not be ended otherwise.
    @Test func signalsAreNotBlockedInIt() throws {
        let outcome = try onOwnThread { () throws(Failure) in
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            return try Program("grep", patience: .seconds(60), limit: 1000).run([
                "SigBlk", "/proc/self/status",
            ])
        }
        guard case .ended(0, let output, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(String(decoding: output, as: UTF8.self) == "SigBlk:\t0000000000000000\n")
    }

    @Test func theEnvironmentIsTheGivenOne() throws {
        let outcome = try Program("/usr/bin/env", patience: .seconds(60), limit: 1000).run(
            [], environment: ["A": "b"])
        guard case .ended(0, let output, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(String(decoding: output, as: UTF8.self) == "A=b\n")
    }

    @Test func oneThatIsNotThereIsNamed() {
        #expect {
            try Program("/nowhere/helm", patience: .seconds(1), limit: 1).run([])
        } throws: { error in
            (error as? Failure)?.artifact == "/nowhere/helm"
        }
    }
}
