// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// A lock is held as long as its object and no longer.
@Suite struct FileLockTests {
    /// Two openings of one new file.
    private static func openings() throws -> (first: File, second: File) {
        let scratch = try Scratch()
        return (try File.create(scratch("lock")), try File.create(scratch("lock")))
    }

    @Test func oneExclusiveLockExcludesAll() throws {
        let (first, second) = try Self.openings()
        let lock = try FileLock(of: first)
        #expect(lock != nil)
        #expect(try FileLock(of: second) == nil)
        #expect(try FileLock(of: second, isShared: true) == nil)
        withExtendedLifetime(lock) {}
    }

    @Test func sharedLocksExcludeOnlyAnExclusiveOne() throws {
        let (first, second) = try Self.openings()
        let lock = try FileLock(of: first, isShared: true)
        #expect(try FileLock(of: second, isShared: true) != nil)
        #expect(try FileLock(of: second) == nil)
        withExtendedLifetime(lock) {}
    }

    /// A child that has not run its program yet has the descriptors of its parent, which a duplicate imitates.
    @Test func aCopyOfTheDescriptorDoesNotKeepTheLock() throws {
        let (first, second) = try Self.openings()
        var lock = try FileLock(of: first)
        let copy = File(taking: dup(first.descriptor), path: first.path)
        #expect(try FileLock(of: second) == nil)
        lock = nil
        #expect(try FileLock(of: second) != nil)
        withExtendedLifetime((lock, copy)) {}
    }
}
