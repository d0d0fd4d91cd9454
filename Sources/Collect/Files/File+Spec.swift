// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI
internal import YAML

extension File {
    /// Opens a file of this host that the spec names.
    /// - Parameter folder: that of the spec, where relative paths begin: empty, or a path that ends in a slash.
    /// - Throws: as ``open(_:)``; where there is no such file, the remedy says where the path begins, and what is there
    ///   that was probably meant.
    static func open(_ path: String, ofSpecIn folder: String) throws(Failure) -> File {
        do throws(Failure) { return try open(path) } catch {
            guard error.kind == .input, !FileManager.default.fileExists(atPath: path) else { throw error }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            let above = parts.dropLast().joined(separator: "/")
            let place = above.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : above
            let there = (try? FileManager.default.contentsOfDirectory(atPath: place))?.sorted()
            let meant = there.flatMap { Suggestion.nearest(to: String(parts.last ?? ""), among: $0) }
            var failure = error
            failure.remedy =
                meant.map { "did you mean '\($0)', which is there? " }
                ?? (there == nil ? "there is no folder '\(place)' either; " : "")
            failure.remedy +=
                path.hasPrefix("/") && !path.hasPrefix(absolute(folder))
                ? "correct the path in the spec"
                : "correct the path in the spec: it counts from the spec's folder, \(absolute(folder))"
            throw failure
        }
    }
}
