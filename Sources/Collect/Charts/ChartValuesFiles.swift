// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Spec

/// The values that a chart is rendered with, as files for Helm and as bytes.
struct ChartValuesFiles: Sendable {
    /// The files, a later one replacing what an earlier one says.
    let paths: [String]
    /// What they hold.
    let contents: [[UInt8]]
    /// The digest of all that a rendering depends on beside the chart; `nil` where there is nothing.
    let digest: Digest?

    private static let largestFile = 4 << 20

    /// Reads the files of values, and puts the spec's own values into the folder `scratch`. Blocking.
    /// - Parameters:
    ///   - folder: where relative paths begin.
    ///   - name: of the file for the spec's own values.
    /// - Throws: a ``Failure`` of kind `input` where a file is not there.
    init(
        _ rendering: Spec.Rendering?, folder: String, scratch: String, called name: String
    ) throws(Failure) {
        guard let rendering, rendering != Spec.Rendering() else {
            (paths, contents, digest) = ([], [], nil)
            return
        }
        var (paths, contents): ([String], [[UInt8]]) = ([], [])
        for file in rendering.valuesFiles ?? [] {
            let path = file.hasPrefix("/") ? file : folder + file
            contents.append(try File.open(path, ofSpecIn: folder).text(limit: Self.largestFile))
            // Helm takes a path that looks like a URL for one.
            paths.append(absolute(path))
        }
        if let values = rendering.values {
            let path = "\(scratch)/\(name)"
            let bytes = Array(values.utf8)
            try AtomicWrite.write(bytes, to: path)
            paths.append(path)
            contents.append(bytes)
        }
        var hash = SHA256()
        for content in contents { hash.update(part: content) }
        hash.update(part: Array("kubeVersion \(rendering.kubeVersion ?? "")".utf8))
        for api in rendering.apiVersions ?? [] { hash.update(part: Array(api.utf8)) }
        (self.paths, self.contents, digest) = (paths, contents, hash.digest())
    }
}
