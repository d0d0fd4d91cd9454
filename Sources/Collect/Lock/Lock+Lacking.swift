// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

/// What a lock does not have of what a spec names.
extension Lock {
    /// The failure of a collect that needs what the lock does not have.
    static func lacking(_ artifact: String) -> Failure {
        Failure(
            .configuration, "collect", artifact, because: "the lock does not have it",
            remedy:
                "run `sealift lock SPEC`, which adds it and keeps all else, or take it as it is now with --unlocked"
        )
    }

    /// Whether the lock pins the file, or the spec does: a text of it is its own pin.
    func pins(_ file: Lock.File) -> Bool {
        file.url.hasPrefix("text:") || files.contains { $0.name == file.name && $0.platform == file.platform }
    }

    /// A line about what `resolved`, which is all that is collected, has and this lock does not; `nil` where that is
    /// nothing.
    func described(lackingOf resolved: Lock) -> String? {
        let images = resolved.images.map(\.reference).filter { image($0) == nil }.map(\.familiar)
        let files = resolved.files.filter { !pins($0) }.map { "the file \($0.title)" }
        let all = images + files
        guard !all.isEmpty else { return nil }
        let more = all.count > Self.mostShown ? " and \(all.count - Self.mostShown) more" : ""
        return "not in the lock, taken as they are now: "
            + all.prefix(Self.mostShown).joined(separator: ", ") + more + "; `sealift lock SPEC` pins them"
    }

    /// So many names are shown.
    private static let mostShown = 20
}
