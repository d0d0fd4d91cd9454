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

    /// Guesses under the user's own name, from the user's own address, on a queue that is full of them.
    @Test func aKnownUserIsNotLockedOutByGuessesUnderTheSameName() async throws {
        let users = try await Self.users()
        let queue = PasswordQueue(most: (all: 4, address: 4))
        defer { queue.stop() }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        func login(_ password: String) -> EventLoopFuture<PasswordQueue.Outcome> {
            queue.admits(
                .init(header: Self.header("reader", password), address: "10.0.0.1"), users: users, on: loop)
        }
        #expect(try await login("right").get() == .admitted("reader"))
        var guesses: [EventLoopFuture<PasswordQueue.Outcome>] = []
        // More of them than wrong logins are remembered.
        for number in 0..<1500 {
            guesses.append(login("wrong\(number)"))
            if number % 100 == 0 { #expect(try await login("right").get() == .admitted("reader")) }
        }
        for guess in guesses { #expect([.refused, .tooMany].contains(try await guess.get())) }
        #expect(try await login("right").get() == .admitted("reader"))
    }

    /// A client of a forgotten password that asks again and again: only the first time is there anything to check.
    @Test func aWrongLoginThatIsRepeatedTakesNoCheck() async throws {
        let users = try await Self.users()
        let queue = PasswordQueue(most: (all: 1, address: 1))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let login = PasswordQueue.Login(header: Self.header("reader", "old"), address: "10.0.0.1")
        #expect(try await queue.admits(login, users: users, on: loop).get() == .refused)
        // No thread checks any more, and yet it is answered.
        queue.stop()
        for _ in 0..<100 { #expect(try await queue.admits(login, users: users, on: loop).get() == .refused) }
        let unseen = PasswordQueue.Login(header: Self.header("reader", "older"), address: "10.0.0.1")
        #expect(try await queue.admits(unseen, users: users, on: loop).get() == .tooMany)
    }

    /// A user who has not logged in before, among eight that guess under the same name from the same address.
    @Test func aNewUserAmongThoseWhoGuessTheSameNameGetsATurn() async throws {
        let made = try await run("htpasswd", ["-nbB", "-C", "5", "reader", "right"])
        let users = try Htpasswd(made.text, path: "users")
        let queue = PasswordQueue(most: (all: 4, address: 4))
        defer { queue.stop() }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        @Sendable func login(_ password: String) async throws -> PasswordQueue.Outcome {
            try await queue.admits(
                .init(header: Self.header("reader", password), address: "10.0.0.1"), users: users, on: loop
            ).get()
        }
        let guessing = (0..<8).map { guesser in
            Task {
                var number = 0
                while !Task.isCancelled {
                    number += 1
                    _ = try await login("wrong\(guesser)-\(number)")
                }
            }
        }
        defer { for task in guessing { task.cancel() } }
        var outcome = PasswordQueue.Outcome.tooMany
        for _ in 0..<200 where outcome == .tooMany { outcome = try await login("right") }
        #expect(outcome == .admitted("reader"))
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
