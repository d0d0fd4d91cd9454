// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import YAML

/// How sure the images of each chart are.
extension BuildImageScan {
    /// The images that `Chart.yaml` lists in the annotation `artifacthub.io/images`.
    /// Source: artifacthub.io/docs/topics/annotations/helm.
    static func annotated(_ chart: Tree) -> [String] {
        guard let text = chart["annotations"]?["artifacthub.io/images"]?.string,
            let list = try? Tree(yaml: Array(text.utf8), artifact: "artifacthub.io/images")
        else { return [] }
        return list.elements.compactMap { $0["image"]?.string }
    }

    /// The images that `Images.lock` lists, as Bitnami's distribution tooling writes it.
    static func locked(_ lock: Tree) -> [String] {
        (lock["images"]?.elements ?? []).compactMap { $0["image"]?.string }
    }

    /// What was found, by the paths of the charts that it is a part of.
    func byChart(_ found: [Mention]) -> [String: [Mention]] {
        let paths = Set(charts.map(\.path))
        var parts: [String: [Mention]] = [:]
        for mention in found {
            var rest = mention.file[...]
            while let slash = rest.lastIndex(of: "/") {
                rest = rest[..<slash]
                if paths.contains(String(rest)) { parts[String(rest), default: []].append(mention) }
            }
        }
        return parts
    }

    /// Notes the images of a chart's own values that no line of its templates comes to: a helper may put them together.
    /// - Parameter named: what the chart's files name.
    mutating func addValues(_ bytes: [UInt8], file: String, named: [Mention]) {
        guard let scan = try? ImageScan.yaml(bytes, path: file) else { return }
        var seen = Set(named.compactMap { try? Reference($0.text) }.map(\.nameWithDomain))
        let all =
            scan.references.map { ($0.position, $0.reference, $0.text) }
            + scan.possible.map { ($0.position, $0.reference, $0.text) }
        for (position, reference, text) in all.sorted(by: { $0.0 < $1.0 })
        where seen.insert(reference.nameWithDomain).inserted {
            templated.append(Mention(text: text, file: file, line: position.line, isCertain: false))
        }
    }

    /// For each chart, how sure the list of its images is, and by which means.
    var certainty: [String] {
        let (known, open) = (byChart(mentions), byChart(templated))
        return charts.map { chart in
            let named = known[chart.path] ?? []
            let unknown = (open[chart.path] ?? []).map(\.line)
            let lines = unknown.prefix(20).map(String.init).joined(separator: ", ")
            let rest =
                !unknown.isEmpty
                ? "unknown in lines \(lines)"
                : !named.isEmpty
                    ? "all of its lines are understood" : "no line of it that is understood names one"
            let count = Set(named.map(\.text)).count
            return
                "\(chart.path): \(count) \(count == 1 ? "image" : "images") by \(chart.source.rawValue); \(rest)"
        }
    }
}

extension Reference {
    /// Without tag and digest.
    fileprivate var nameWithDomain: String { domain + "/" + repository }
}

extension BuildImageScan.Mention {
    /// Why a text of a chart plainly is no image: charts hold other languages, such as CUE, which have fields of that name.
    /// `nil` for what may be one, and for what is no chart's.
    var faultInChart: String? {
        guard file.hasPrefix("charts/") else { return nil }
        do throws(Failure) { _ = try Reference(text) } catch { return error.reason }
        if ["string", "bytes", "null", "true", "false"].contains(text) { return "it is a word of a schema" }
        let isBare = !text.contains { "/:@".contains($0) }
        return isBare && text.contains(".") ? "it is the path of a field" : nil
    }
}
