import Foundation
import Testing

/// Text leaves the program through `Console`, which escapes it. No other source may write to its streams.
@Suite struct TextGateTests {
    /// Whatever writes text to a descriptor or a stream, as regular expressions.
    static let writers = [
        #"(?<![.\w])(?<!func )print\("#,
        #"(?<!\w)(debugPrint|dump|fputs|puts|putchar|perror|vprintf|printf|fprintf|syslog)\("#,
        #"FileHandle\.standard"#, #"FileDescriptor\.standard"#, #"STDOUT_FILENO"#, #"STDERR_FILENO"#,
        #"Glibc\.write\("#, #"(?<![.\w])write\([12],"#, #"/dev/(tty|stdout|stderr)"#, #"\\u\{1B\}"#,
        #"exit\(withError:"#,
    ]
    /// Where one of them has another purpose.
    static let permitted = [
        "sealift/Output/Console.swift": writers,
        // Writes bytes to open files; `export -o -` hands it standard output, for an archive.
        "OCI/Files/File.swift": [#"Glibc\.write\("#],
        // Asks whether an archive would go to a terminal.
        "sealift/Commands/ExportCommand.swift": ["STDOUT_FILENO"],
    ]

    @Test func onlyTheConsoleWritesText() throws {
        let root = ImportTests.sources
        var checked = 0
        for case let file as URL in try #require(
            FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" {
            checked += 1
            let name = String(file.path().dropFirst(root.path().count).drop { $0 == "/" })
            let allowed = Set(Self.permitted[name] ?? [])
            let text = try String(contentsOf: file, encoding: .utf8)
            for writer in Self.writers where !allowed.contains(writer) {
                let found = text.range(of: writer, options: .regularExpression)
                #expect(found == nil, "\(name) writes past Console: \(found.map { text[$0] } ?? "")")
            }
        }
        #expect(checked > 100)
        // The patterns find what they are for.
        for sample in [
            "  print(x)", "fputs(x, stderr)", "Glibc.write(1, p, n)", "write(2, p, n)", "\"\\u{1B}[1m\"",
        ] {
            #expect(
                Self.writers.contains { sample.range(of: $0, options: .regularExpression) != nil },
                "\(sample)")
        }
    }
}
