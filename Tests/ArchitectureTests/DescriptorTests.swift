// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Programs that sealift starts inherit none of its files: every descriptor is closed on exec from the moment it is there.
/// To set that afterwards leaves a moment in which another thread starts one.
@Suite struct DescriptorTests {
    /// What makes a descriptor that children inherit, as regular expressions.
    private static let inherited = [
        #"(?<![\w.])(?<!func )pipe\("#, #"(?<![\w.])dup\("#, #"F_DUPFD\b(?!_CLOEXEC)"#,
        #"(?<![\w.])(fopen|creat|accept|mkstemp)\("#,
        #"(?<![\w.])(open|openat)\([^():]*O_(RDONLY|WRONLY|RDWR)(?![^()]*CLOEXEC)[^()]*\)"#,
        #"SOCK_(STREAM|DGRAM)(?![^\n]*CLOEXEC)"#,
    ]
    /// What happens before any other thread is there, or between fork and exec.
    private static let permitted = ["CStartup/startup.c"]

    @Test func childrenInheritNoDescriptor() throws {
        let root = ImportTests.sources
        var checked = 0
        for case let file as URL in try #require(
            FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        where ["swift", "c", "h"].contains(file.pathExtension) {
            let name = String(file.path().dropFirst(root.path().count).drop { $0 == "/" })
            if Self.permitted.contains(name) { continue }
            checked += 1
            let text = try String(contentsOf: file, encoding: .utf8)
            for call in Self.inherited {
                let found = text.range(of: call, options: .regularExpression)
                #expect(found == nil, "\(name): \(found.map { text[$0] } ?? "") is not closed on exec")
            }
        }
        #expect(checked > 100)
        for sample in [
            "  pipe(&ends)", "dup(1)", "fcntl(1, F_DUPFD, 0)", "open(path, O_RDONLY)",
            "socket(AF_INET, SOCK_DGRAM, 0)",
        ] {
            #expect(
                Self.inherited.contains { sample.range(of: $0, options: .regularExpression) != nil },
                "\(sample)")
        }
    }
}
