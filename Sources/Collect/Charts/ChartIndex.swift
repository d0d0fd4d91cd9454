// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Spec
internal import YAML

/// What the `index.yaml` of an HTTP chart repository says of some charts. Source: helm.sh/docs/topics/chart_repository.
struct ChartIndex: Sendable {
    /// One version of a chart.
    struct Release: Sendable, Equatable {
        var version: String
        /// As they are written: a URL, or a path that begins where the index is.
        var urls: [String]
        /// That of the archive; `nil` where the index gives none.
        var digest: Digest?
    }
    private let releases: [String: [Release]]
    private let names: [String]
    private let address: String

    /// The largest index that is read: 48 MiB; the largest public ones have about 25 MB.
    static let largest = 48 << 20

    /// Reads what the index at `address` says of the charts `names`.
    /// - Throws: a ``Failure`` of kind `data` for what is not such an index, with the line where its YAML is at fault.
    init(parsing bytes: [UInt8], of names: Set<String>, at address: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the chart repository's index", address, because: reason,
                remedy: "check 'repo' in the spec: its URL with /index.yaml behind it is fetched")
        }
        guard bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) != UInt8(ascii: "<") else {
            throw refuse("it is a page for a browser, perhaps of a login")
        }
        let found = try YAMLDocuments.values(
            of: names, below: "entries", in: SourceText(bytes, path: address))
        guard !found.keys.isEmpty else { throw refuse("it has no 'entries'") }
        self.names = found.keys
        self.address = address
        releases = found.values.mapValues { ($0.items ?? []).compactMap(Self.release) }
    }

    private static func release(_ node: YAMLNode) -> Release? {
        guard let version = node["version"]?.text else { return nil }
        let written = node["digest"]?.text ?? ""
        return Release(
            version: version, urls: (node["urls"]?.items ?? []).compactMap(\.text),
            digest: try? Digest(written.contains(":") ? written : "sha256:" + written))
    }

    /// The version that the spec pins.
    /// - Throws: a ``Failure`` of kind `unavailable` that names what is nearest to it.
    func release(of chart: Spec.Chart) throws(Failure) -> Release {
        func missing(_ reason: String, _ remedy: String) -> Failure {
            Failure(
                .unavailable, "find the chart", "\(chart.name) \(chart.version)",
                because: "\(address) \(reason)", remedy: remedy)
        }
        guard let all = releases[chart.name] else {
            let nearest = Suggestion.nearest(to: chart.name, among: names).map { "; did you mean '\($0)'?" }
            throw missing(
                "lists \(names.count) charts, and none of that name" + (nearest ?? ""),
                "correct the name in the spec; names are as the index has them, letter by letter")
        }
        if let found = all.first(where: { $0.version == chart.version }) { return found }
        let near = Self.nearest(to: chart.version, among: all.map(\.version)).joined(separator: ", ")
        throw missing(
            all.isEmpty ? "lists no version of it" : "has not that version; near it are \(near)",
            "write one of its versions exactly as the index has it")
    }

    /// Up to five versions, those first that begin like the one that was meant; a `v` before it does not count.
    static func nearest(to version: String, among all: [String]) -> [String] {
        func plain(_ text: String) -> String { text.hasPrefix("v") ? String(text.dropFirst()) : text }
        let wanted = plain(version)
        let ranked = all.enumerated().map { place, text in
            (shared: plain(text).commonPrefix(with: wanted), place: place, text: text)
        }
        return ranked.sorted { ($1.shared, $0.place) < ($0.shared, $1.place) }.prefix(5).map(\.text)
    }
}

extension String {
    /// How many bytes are the same at the begin of both.
    fileprivate func commonPrefix(with other: String) -> Int {
        zip(utf8, other.utf8).prefix { $0 == $1 }.count
    }
}
