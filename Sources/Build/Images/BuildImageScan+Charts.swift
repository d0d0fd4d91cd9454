// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

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

    /// For each chart, how sure the list of its images is, and by which means.
    var certainty: [String] {
        charts.map { chart in
            let unknown = templated.filter { $0.file.hasPrefix(chart.path + "/") }.map(\.line)
            let lines = unknown.prefix(20).map(String.init).joined(separator: ", ")
            let open = unknown.isEmpty ? "all of its lines are understood" : "unknown in lines \(lines)"
            let count = Set(mentions.filter { $0.file.hasPrefix(chart.path + "/") }.map(\.text)).count
            let named = "\(count) \(count == 1 ? "image" : "images")"
            return "\(chart.path): \(named) by \(chart.source.rawValue); \(open)"
        }
    }
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
