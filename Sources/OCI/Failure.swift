// SPDX-License-Identifier: Apache-2.0

/// Why something did not happen, in the four parts that a person needs: what failed, on which
/// artifact, why, and what to do next.
///
/// Every error that leaves a package function of this package is a `Failure`. The executable maps
/// ``Kind`` to an exit code in one place.
package struct Failure: Error, Sendable, Equatable {
    /// The class of a failure. Each has one exit code.
    package enum Kind: String, Sendable, CaseIterable {
        /// Wrong arguments on the command line.
        case usage
        /// Data is not what was promised: a digest, a format, a signature.
        case data
        /// An input is missing: a file, a bundle, a volume, a layer's file.
        case input
        /// An upstream did not answer, or answered that it has nothing.
        case unavailable
        /// A fault of sealift itself.
        case fault
        /// No space left, or a file cannot be created.
        case space
        /// The system failed to read or write.
        case io
        /// Interrupted, or another process is working there; a rerun continues.
        case busy
        /// Not permitted, or not authorised.
        case denied
        /// The spec, the lock or a setting is wrong.
        case configuration
    }

    /// The class, from which the exit code follows.
    package var kind: Kind
    /// What was being done, as a verb phrase: `read the layer`.
    package var operation: String
    /// The one thing it was done to: a reference, a digest, a path. Holds no secret.
    package var artifact: String
    /// Why it failed, in words. Holds no secret.
    package var reason: String
    /// What the user does next, as an instruction; empty where ``Kind/advice`` says all.
    package var remedy: String

    /// Creates a failure from its parts.
    package init(
        _ kind: Kind, _ operation: String, _ artifact: String, because reason: String, remedy: String = ""
    ) {
        self.kind = kind
        self.operation = operation
        self.artifact = artifact
        self.reason = reason
        self.remedy = remedy
    }
}

extension Failure.Kind {
    /// What to do next where nothing better is known than the kind.
    package var advice: String {
        switch self {
        case .usage: "see what the command takes with --help"
        case .data:
            "take it again from where it came from; if it stays so, ask its publisher or operator to make it again"
        case .input: "check the name, and that it is in what you have given"
        case .unavailable: "run it again later; if it stays so, name a mirror, or ask the server's operator"
        case .fault:
            "this is a fault of sealift: report it with the command and with what `sealift --version` prints"
        case .space: "name another place"
        case .io: "check the medium and the system's log (dmesg), then run it again"
        case .busy: "run it again when the other process has ended"
        case .denied: "log in, or run it as a user that may"
        case .configuration: "correct the spec, the lock or the option that is named, then run it again"
        }
    }
}

extension Failure: CustomStringConvertible {
    /// `cannot OPERATION ARTIFACT: REASON`, and the remedy on a line of its own. Text from outside is escaped, and
    /// further lines of a reason or a remedy are indented, so that none passes for a line of ours.
    package var description: String {
        let subject = artifact.isEmpty ? operation : "\(operation) \(artifact)"
        return "cannot \(subject.escapedForDisplay): \(Self.indented(reason))\n  → \(Self.indented(advice))"
    }

    /// What the user does next: the remedy, or what helps in failures of its kind.
    package var advice: String { remedy.isEmpty ? kind.advice : remedy }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
            let shown = String(line).escapedForDisplay
            let isRemedy = shown.drop { $0 == " " }.hasPrefix("→")
            return index == 0 || shown.hasPrefix("  ") && !isRemedy ? shown : "    " + shown
        }.joined(separator: "\n")
    }
}
