// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CStartup
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// The command line: parses, runs one verb, and turns whatever it throws into a message and an exit code.
@main
struct Sealift: AsyncParsableCommand {
    /// The version of the program.
    static let version = SEALIFT_VERSION

    static let configuration = CommandConfiguration(
        commandName: "sealift",
        abstract: "Carry everything a sealer build needs across an air gap, in one verified file.",
        discussion: """
            On a connected host:   sealift collect bundles/NAME.yaml
            On the isolated host:  sealift apply NAME.sealift

            Data goes to stdout, all else to stderr. Exit codes: 0 done, 64 usage, 65 data is not what was \
            promised, 66 input missing, 69 upstream unavailable, 70 a fault of sealift, 73 no space, \
            74 I/O error, 75 ended by SIGTERM or busy (a rerun continues), 77 not permitted, 78 spec or configuration. \
            Ctrl-C ends it as a signal, so that a loop in a shell ends too.
            """,
        version: About.text,
        subcommands: [
            InitCommand.self, ImportCommand.self,
            CollectCommand.self, CheckCommand.self, LockCommand.self, VerifyCommand.self, InspectCommand.self,
            CopyCommand.self, ApplyCommand.self,
            SignCommand.self, KeygenCommand.self, DiffCommand.self, ImagesCommand.self,
            ServeCommand.self, PushCommand.self, ExportCommand.self,
            InventoryCommand.self, StoreCommand.self, ManCommand.self,
        ])

    /// The arguments, with the options that the environment gives.
    static let options = EnvironmentOptions(
        Sealift.self, arguments: Array(CommandLine.arguments.dropFirst()),
        environment: ProcessInfo.processInfo.environment)

    /// Ends by `_exit` on every path, as `Console` keeps nothing back: the handlers of exit(3) free what threads that
    /// still run work with.
    static func main() async {
        // Before there is a handler that needs a thread.
        if let failure = faultOfOpenFiles(64) ?? faultOfThreads(8 + 2 * processorCount)
            ?? faultOfArguments()
        {
            Console.report(failure)
            _exit(failure.kind.exitCode)
        }
        SignalHandling.watch()
        // A peer that closes its socket must be an error of that transfer, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
        // What is asked first of a tool out of a bundle costs neither the tree of all commands nor their memory.
        if CommandLine.arguments.dropFirst() == ["--version"] {
            Console.printText(About.text + "\n")
            _exit(0)
        }
        for name in options.unknown { Console.say("no command has the option that \(name) would set") }
        do {
            var command = try parseAsRoot(options.arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            SignalHandling.beginEnd()
            _exit(report(error))
        }
        _exit(0)
    }

    /// Says what ended the program, and gives its exit code.
    private static func report(_ error: any Error) -> Int32 {
        var failure = error as? Failure
        if failure == nil, exitCode(for: error) == .validationFailure {
            if !options.used.isEmpty {
                Console.say("used from the environment: \(options.used.joined(separator: ", "))")
            }
            failure = usageFailure(error, arguments: options.arguments)
        }
        if let failure {
            Console.report(failure)
            return failure.kind.exitCode
        }
        let text = fullMessage(for: error)
        if exitCode(for: error) == .success {
            Console.printText(text + "\n")
        } else if !text.isEmpty {
            Console.say(text)
        }
        return exitCode(for: error).rawValue
    }

    /// Why the arguments, or the variables that set options, cannot be used as they were given; `nil` where they
    /// can. Text that is not UTF-8 would name another file.
    private static func faultOfArguments() -> Failure? {
        guard CommandLine.argc > 0 else {
            return Failure(
                .configuration, "read the command line", "", because: "/proc is not mounted here",
                remedy: "mount it: mount -t proc proc /proc")
        }
        func refuse(_ what: String, bytes: UnsafePointer<CChar>) -> Failure {
            let shown = String(displaying: UnsafeRawBufferPointer(start: bytes, count: strlen(bytes)))
            return Failure(
                .usage, "use the \(what)", shown, because: "it is not UTF-8, and would name something else",
                remedy: "rename the file or folder that it names")
        }
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            if String(validatingCString: argument) == nil { return refuse("argument", bytes: argument) }
        }
        var next = environ
        while let variable = next.pointee {
            let isOption = strncmp(variable, "SEALIFT_", 8) == 0
            if isOption, String(validatingCString: variable) == nil {
                return refuse("variable", bytes: variable)
            }
            next += 1
        }
        return nil
    }
}
