// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Collect
internal import OCI
internal import Spec

/// A laid-out bundle before anything is fetched, for `collect --dry-run`.
struct PlanRenderer {
    private let plan: BundlePlan
    private let unknown: [(title: String, size: Int64?)]

    init(_ preview: Collector.Preview) {
        plan = preview.plan
        unknown = preview.unknown
    }

    private struct Facts: Encodable {
        struct Blob: Encodable {
            let digest: Digest, size: Int64, owner: String
        }
        struct File: Encodable {
            let title: String, size: Int64?
        }
        let size: Int64
        let blobs: [Blob]
        let required: [Digest]
        /// The files whose digest only fetching shows.
        let unknown: [File]
    }

    /// Prints the plan: every owner with the bytes that would be fetched for it, or all of it as JSON.
    func print(json: Bool) throws {
        if json {
            return try Console.printJSON(
                Facts(
                    size: plan.size,
                    blobs: plan.blobs.map {
                        .init(digest: $0.descriptor.digest, size: $0.descriptor.size, owner: $0.owner)
                    }, required: plan.required.map(\.descriptor.digest),
                    unknown: unknown.map { .init(title: $0.title, size: $0.size) }),
                schema: "collect-plan/1")
        }
        var owners: [(name: String, blobs: Int, bytes: Int64)] = []
        for blob in plan.blobs where blob.bytes == nil {
            if let at = owners.firstIndex(where: { $0.name == blob.owner }) {
                owners[at].blobs += 1
                owners[at].bytes = [owners[at].bytes, blob.descriptor.size].clampedTotal { $0 }
            } else {
                owners.append((blob.owner, 1, blob.descriptor.size))
            }
        }
        let children = owners.map { Tree("\($0.name)  \($0.blobs) blobs, \($0.bytes.asBytes)") }
        for line in Tree(Line.bold("would fetch \(plan.size.asBytes)"), children: children).lines {
            Console.print(line)
        }
        if !plan.required.isEmpty {
            Console.print("left out: \(plan.required.count) blobs, \(plan.required.bytes.asBytes)")
        }
        for file in unknown {
            Console.print(
                "not known: the digest of the file \(file.title)"
                    + (file.size.map { ", \($0.asBytes)" } ?? ", nor its size"))
        }
        Console.say(
            "nothing was fetched, so the steps, edits and paths of builds are not proved (`sealift check` does), "
                + "and the bundle's digest, which follows from what they make, is not known")
    }
}

extension Spec.Step {
    /// The step in a line, in the words of the spec.
    var summary: String {
        switch self {
        case .layer(let role, let paths):
            "layer \(role)" + (paths.map { ": " + $0.joined(separator: ", ") } ?? "")
        case .putFile(let path, let file, _):
            "put \(path): the \(file.hasPrefix("chart ") ? "" : "file ")\(file)"
        case .putRepacked(let path, let file, _): "put \(path): \(file), repacked"
        case .putSaved(let path, let image, _): "put \(path): \(image.familiar), saved"
        case .unpack(let path, let file, let members, _):
            "unpack \(file) into \(path)" + (members.map { ": " + $0.joined(separator: ", ") } ?? "")
        case .remove(let paths): "remove " + paths.joined(separator: ", ")
        case .edit(let path, let remove, let set, let append):
            "edit \(path): "
                + (remove.map { "remove \($0)" } + set.map { "set \($0.key) to \($0.value)" }
                + (append ?? []).map { "append \($0.value) to \($0.key)" }).joined(
                    separator: ", ")
        case .rewrite(let path): "rewrite the images of \(path)"
        case .imageList(let patterns): "imageList: " + patterns.joined(separator: ", ")
        }
    }
}
