// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// One line of standard error under `--json`: what happens, for programs. What is not known is left out.
struct JSONEvent: Encodable {
    /// `progress`, `started`, `waiting`, `ended`, `note` or `failure`; others may come.
    let event: String
    /// The step or artifact.
    var name: String?
    /// Words for people.
    var text: String?
    /// Bytes.
    var done: Int64?
    /// Bytes in all.
    var total: Int64?
    /// Bytes per second.
    var speed: Int64?
    var secondsLeft: Int64?
    /// How long it waits.
    var seconds: Double?
    /// Of a failure: its kind, what to do next, and the exit code.
    var kind: String?
    var remedy: String?
    var exitCode: Int32?

    init(
        _ event: String, name: String? = nil, text: String? = nil, done: Int64? = nil, total: Int64? = nil,
        speed: Int64? = nil, secondsLeft: Int64? = nil, seconds: Double? = nil
    ) {
        self.event = event
        self.name = name
        self.text = text
        self.done = done
        self.total = total
        self.speed = speed
        self.secondsLeft = secondsLeft
        self.seconds = seconds
    }

    init(_ failure: Failure) {
        self.init("failure", name: failure.artifact, text: "\(failure.operation): \(failure.reason)")
        kind = failure.kind.rawValue
        remedy = failure.advice
        exitCode = failure.kind.exitCode
    }

    /// What --verbose shows of it; `nil` for what is shown anyway.
    var verbose: String? {
        guard let name else { return nil }
        switch event {
        case "started": return "\(name): begins" + (total.map { ", \($0.asBytes)" } ?? "")
        case "ended": return "\(name): done"
        default: return nil
        }
    }
}
