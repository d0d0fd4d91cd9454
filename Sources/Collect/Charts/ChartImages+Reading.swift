// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec
internal import YAML

/// How a chart's images are found, and how sure they are.
extension ChartImages {
    /// What a chart names.
    private struct Needs {
        var images: Set<Reference> = []
        /// What may name more, a line each.
        var unknown: [String] = []
    }

    /// The most lines of what stays unknown that are shown of a chart.
    private static let mostLines = 40

    /// Renders the chart by Helm, or reads it where there is none, and says how sure the outcome is.
    func read(
        _ content: ChartContent, of wanted: Wanted, values: ChartValuesFiles, scratch: String
    ) async throws -> Lock.Chart {
        try await onThread { () throws(Failure) in
            let reading = try content.read(values: helm == nil ? values.contents : [])
            var (needs, means) = (Needs(), Lock.Chart.Means.helm)
            if let helm {
                let text = try helm.rendered(
                    content.path, name: wanted.name, values: values.paths, as: wanted.rendering,
                    scratch: scratch)
                needs = try self.needs(rendered: text, of: wanted)
            } else {
                (needs, means) = (self.needs(reading), Lock.Chart.Means(reading.source))
            }
            tell(wanted, needs: needs, means: means)
            return Lock.Chart(
                chart: wanted.name, version: reading.version, digest: content.digest, values: values.digest,
                means: means, images: needs.images)
        }
    }

    private func needs(rendered text: [UInt8], of wanted: Wanted) throws(Failure) -> Needs {
        let scan: ImageScan
        do throws(Failure) {
            scan = try ImageScan.yaml(
                text, path: "what Helm renders of \(wanted.name)", known: CarriedImages(parsed.spec.images))
        } catch {
            throw Failure(
                .data, "read what Helm renders of", wanted.name,
                because: "\(error.artifact): \(error.reason)",
                remedy: "correct the chart or its values: no cluster takes this either")
        }
        let images = scan.without(parsed.spec.isNoImage)
        var needs = Needs(images: Set(images.references.map(\.reference)))
        let origins = Origins(text)
        var seen = needs.images
        for image in images.possible where seen.insert(image.reference).inserted {
            needs.unknown.append(
                "\(origins.place(ofLine: image.position.line)): '\(image.text)' may be an image: \(image.reason)"
            )
        }
        for value in images.unreadable where !value.text.isEmpty {
            needs.unknown.append(
                "\(origins.place(ofLine: value.position.line)): '\(value.text)' is no image reference: \(value.reason)"
            )
        }
        return needs
    }

    private func needs(_ reading: ChartReading) -> Needs {
        var needs = Needs()
        for (text, place) in reading.images where !parsed.spec.isNoImage(text) {
            do throws(Failure) { needs.images.insert(try Reference(text)) } catch {
                needs.unknown.append("\(place): '\(text)' is no image reference: \(error.reason)")
            }
        }
        let open = reading.unknown.filter { !parsed.spec.isNoImage($0.text) }
        for (text, place) in open where !text.contains("{{") {
            needs.unknown.append(
                "\(place): '\(text)' is among the values, and no line of a template that is understood names it"
            )
        }
        for (text, place) in open where text.contains("{{") {
            needs.unknown.append("\(place): '\(text)' names an image that only Helm can tell")
        }
        return needs
    }

    /// Says how sure the images are, and what stays unknown.
    private func tell(_ wanted: Wanted, needs: Needs, means: Lock.Chart.Means) {
        let sureness =
            switch means {
            case .helm: "rendered by Helm"
            case .imagesLock, .annotation:
                "\(means.words), which is as sure as its author's care; Helm was not found"
            case .templates:
                "\(means.words): not sure; with helm in PATH, or --helm PATH, the list is complete"
            }
        let rest =
            needs.unknown.isEmpty
            ? ""
            : "; \(needs.unknown.count) more \(needs.unknown.count == 1 ? "value is" : "values are") not known: list what is an image in 'images', and what is none in 'notImages'"
        note("\(wanted.name): \(needs.images.count.asImages) \(sureness)\(rest)")
        for line in needs.unknown.prefix(Self.mostLines) { note("  \(line)") }
        if needs.unknown.count > Self.mostLines { note("  and \(needs.unknown.count - Self.mostLines) more") }
    }
}

extension Lock.Chart.Means {
    fileprivate init(_ source: ChartReading.Source) {
        self =
            switch source {
            case .annotation: .annotation
            case .lock: .imagesLock
            case .templates: .templates
            }
    }
}

/// Which template of a chart each line of Helm's output is from, as its comments `# Source: PATH` say.
private struct Origins {
    private var starts: [(line: Int, path: String)] = []

    init(_ text: [UInt8]) {
        var line = 0
        for bytes in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            line += 1
            guard bytes.starts(with: Array("# Source: ".utf8)) else { continue }
            starts.append((line, String(decoding: bytes.dropFirst(10).prefix(500), as: UTF8.self)))
        }
    }

    /// `TEMPLATE, line N as rendered`.
    func place(ofLine line: Int) -> String {
        let origin = starts.last { $0.line <= line }
        return origin.map { "\($0.path), line \(line - $0.line) as rendered" } ?? "line \(line) as rendered"
    }
}
