// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI
internal import Spec

/// Helm on the collecting host, which renders charts to learn their images. It needs no network and reads no
/// configuration of the user: only the chart and the values.
package struct Helm: Sendable {
    private let program: Program

    /// Looks for Helm: at `path`, where one is given, else in `PATH`.
    /// - Returns: `nil` where none is given and `PATH` has none.
    package init?(at path: String?) {
        guard let found = path ?? Self.inPath() else { return nil }
        program = Program(found, patience: .seconds(300), limit: 256 << 20)
    }

    private static func inPath() -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/helm" }.first {
            var isFolder = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && !isFolder
                && FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    /// What Helm makes of the chart at `path`, as one text of YAML documents.
    /// - Parameters:
    ///   - name: the chart, for errors.
    ///   - values: paths of files of values; a later one replaces what an earlier one says.
    ///   - scratch: an existing folder for what Helm writes.
    /// - Throws: a ``Failure`` of kind `configuration` with Helm's own words where it fails.
    func rendered(
        _ path: String, name: String, values: [String], as rendering: Spec.Rendering?, scratch: String
    ) throws(Failure) -> [UInt8] {
        // sealer's name of the release, so that what depends on it is the same.
        var arguments = ["template", "dryrun", path]
        for file in values { arguments += ["--values", file] }
        if let version = rendering?.kubeVersion { arguments += ["--kube-version", version] }
        for api in rendering?.apiVersions ?? [] { arguments += ["--api-versions", api] }
        var environment = ["HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8"]
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        for folder in ["CACHE", "CONFIG", "DATA"] {
            environment["HELM_\(folder)_HOME"] = "\(scratch)/helm-\(folder.lowercased())"
        }
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(.configuration, "render the chart", name, because: reason, remedy: remedy)
        }
        let byHand = "run '\(program.path) \(arguments.joined(separator: " "))' by hand to see why"
        switch try program.run(arguments, environment: environment) {
        case .ended(status: 0, let output, _): return output
        case .ended(let status, _, let errors):
            let words = Self.words(errors, naming: name, for: path)
            throw refuse(
                words.isEmpty
                    ? "Helm ended with the status \(status >> 8) without a word" : "Helm says: \(words)",
                remedy: Self.remedy(for: words))
        case .late: throw refuse("Helm did not end within \(program.patience)", remedy: byHand)
        case .tooLong: throw refuse("Helm wrote more than \(program.limit >> 20) MiB", remedy: byHand)
        }
    }

    /// What Helm said, at most 40 lines; the chart is called by its name, not by where it was put.
    private static func words(_ errors: [UInt8], naming name: String, for path: String) -> String {
        let text = String(decoding: errors.prefix(64 << 10), as: UTF8.self).replacing(path, with: name)
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
            .filter { !$0.hasPrefix("Use --debug flag") && !$0.hasPrefix("WARNING: ") }
        let more = lines.count > 40 ? ["and \(lines.count - 40) more lines"] : []
        return (lines.prefix(40).map { String($0.prefix(1000)) } + more).joined(separator: "\n")
    }

    /// What to do about it, as far as Helm's words show it.
    private static func remedy(for words: String) -> String {
        if words.contains("missing in charts/") {
            return
                "put its dependencies into it: helm dependency build, or name a chart that is packed with them"
        }
        if words.contains("kubeVersion") {
            return "say for which version of Kubernetes it is rendered: kubeVersion: 1.19.8 beside the chart"
        }
        return "give what it asks for in 'values' or 'valuesFiles' of the chart, or correct these"
    }
}
