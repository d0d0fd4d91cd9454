// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOPosix
import OCI
import Testing

@testable import Serve

/// Who waits for a check of a password, and who does not.
@Suite struct PasswordTests {
    /// One user whose hash takes a while, and one thread's loop.
    static func users() async throws -> Htpasswd {
        let made = try await run("htpasswd", ["-nbB", "-C", "10", "reader", "right"])
        return try Htpasswd(made.text, path: "users")
    }

    static func header(_ user: String, _ password: String) -> String {
        "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    @Test func thoseWhoGuessAreBounded() async throws {
        let users = try await Self.users()
        let queue = PasswordQueue(most: (all: 8, address: 4))
        defer { queue.stop() }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let guesses = (0..<40).map { number in
            queue.admits(
                .init(
                    header: Self.header("reader", "wrong\(number)"), address: "10.0.0.\(number % 5)"),
                users: users, on: loop)
        }
        let user = queue.admits(
            .init(header: Self.header("reader", "right"), address: "10.0.0.9"), users: users,
            on: loop)
        #expect(try await user.get() == .admitted("reader"))
        var outcomes: [PasswordQueue.Outcome] = []
        for guess in guesses { outcomes.append(try await guess.get()) }
        #expect(!outcomes.contains { if case .admitted = $0 { true } else { false } })
        // At most those that waited and the one under way have been checked.
        #expect(outcomes.count { $0 == .refused } <= 10)
        #expect(outcomes.count { $0 == .tooMany } >= 30)
        let again = try await queue.admits(
            .init(header: Self.header("reader", "right"), address: "10.0.0.9"), users: users,
            on: loop
        ).get()
        #expect(again == .admitted("reader"), "a header that was right is remembered")
    }

    @Test func aStoppedQueueAdmitsNoOneNew() async throws {
        let queue = PasswordQueue()
        queue.stop()
        let outcome = try await queue.admits(
            .init(header: Self.header("reader", "right"), address: "a"),
            users: try await Self.users(),
            on: MultiThreadedEventLoopGroup.singleton.next()
        ).get()
        #expect(outcome == .tooMany)
    }

    @Test(arguments: ["", "Basic", "Basic !", "Bearer x", "Basic " + Data("\0:x".utf8).base64EncodedString()])
    func whatIsNoLoginIsRefusedWithoutACheck(header: String) async throws {
        let queue = PasswordQueue(most: (all: 0, address: 0))
        let outcome = try await queue.admits(
            .init(header: header, address: "a"), users: try await Self.users(),
            on: MultiThreadedEventLoopGroup.singleton.next()
        ).get()
        #expect(outcome == .refused)
    }
}
