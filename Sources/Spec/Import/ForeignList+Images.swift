// SPDX-License-Identifier: Apache-2.0
package import OCI
package import YAML

extension ForeignList {
    /// The images that a text names: the list of another tool, YAML or JSON, or a list of images, one a line.
    /// - Parameters:
    ///   - path: the file's name in errors and places.
    ///   - known: images that count wherever they are named.
    /// - Returns: the images, and what of another tool's list is not taken, a line each.
    /// - Throws: a ``Failure`` of kind `data` with line and column for what is neither.
    package static func images(
        in bytes: [UInt8], path: String, known: CarriedImages = CarriedImages()
    ) throws(Failure) -> (scan: ImageScan, notTaken: [String]) {
        let form = BinaryForm(bytes[...])
        if form != nil || String(validating: bytes, as: UTF8.self) == nil {
            throw Failure(
                .data, "read the images of", path,
                because: form.map { "it is \($0.rawValue), and no text in UTF-8" }
                    ?? "it is not a text in UTF-8",
                remedy:
                    "save it as UTF-8; of an archive, say which members name images: { file: NAME, members: [manifests/*.yaml] }"
            )
        }
        if let (scan, list) = try scan(bytes, path: path) {
            var notTaken = list.omissions.map { "\(path):\($0); it is not taken" }
            if list.charts.count + list.files.count > 0 {
                notTaken.append(
                    "\(path) is \(list.form.rawValue): of its \(list.charts.count) charts and \(list.files.count) files none is taken; "
                        + "`sealift import` makes a spec of all")
            }
            return (scan, notTaken)
        }
        if looksLikeYAML(bytes) { return (try .yaml(bytes, path: path, known: known), []) }
        return (try textList(bytes, path: path), [])
    }

    /// The images of a list, one a line.
    private static func textList(_ bytes: [UInt8], path: String) throws(Failure) -> ImageScan {
        let source = SourceText(bytes, path: path)
        var (found, faults): ([(Reference, Range<Int>)], [(place: String, text: String)]) = ([], [])
        for entry in ImageListEntries(bytes).entries {
            // Lists that are written by hand may have YAML's dash.
            let dash = entry.text.hasPrefix("- ") ? 2 : 0
            let text = String(entry.text.dropFirst(dash))
            do throws(Failure) {
                found.append((try Reference(text), entry.range.lowerBound + dash..<entry.range.upperBound))
            } catch {
                faults.append(
                    (
                        source.place(entry.range.lowerBound),
                        "'\(text.prefix(80))' is no image: \(error.reason)"
                    ))
            }
        }
        guard faults.isEmpty else { throw unreadable(path, faults: faults) }
        return .found(found, in: source)
    }

    private static func unreadable(_ path: String, faults: [(place: String, text: String)]) -> Failure {
        let remedy = "correct the list: one image a line, comments begin with '#'"
        if faults.count == 1 {
            return Failure(
                .data, "read the image in", faults[0].place, because: faults[0].text, remedy: remedy)
        }
        let shown = faults.prefix(20).map { "\n    \($0.place): \($0.text)" }.joined()
        let more = faults.count > 20 ? "\n    and \(faults.count - 20) more" : ""
        return Failure(
            .data, "read the images of", path, because: "\(faults.count) lines are no images:\(shown)\(more)",
            remedy: remedy)
    }
}
