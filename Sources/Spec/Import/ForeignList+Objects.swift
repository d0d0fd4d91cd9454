// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

extension ForeignList {
    /// The most values of such a list: 30,000 pods have fewer.
    private static let mostValues = 10_000_000

    /// What `kubectl get … -o json` prints; `nil` for anything else.
    static func objects(_ bytes: [UInt8], path: String) throws(Failure) -> ForeignList? {
        guard bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"),
            let list = try? JSONText.decode(ObjectList.self, from: bytes, values: mostValues),
            let items = list.items
        else { return nil }
        var found = ForeignList(.objects, path: path)
        for item in items {
            for container in item.containers {
                let image = container.image ?? ""
                let title = "\(item.title), container \(container.name ?? "?"): '\(image)'"
                if image.hasPrefix("sha256:") {
                    found.omit(title, at: nil, reason: "the id of an image, which no registry resolves")
                    continue
                }
                do throws(Failure) { found.add(try Reference(image)) } catch {
                    found.omit(title, at: nil, reason: error.reason)
                }
            }
        }
        return found
    }
}

/// The parts of Kubernetes' `List` that name images.
private struct ObjectList: Decodable {
    let items: [Object]?

    struct Object: Decodable {
        let kind: String?
        let metadata: Metadata?
        let spec: Specification?

        var title: String {
            [kind ?? "object", metadata?.namespace, metadata?.name].compactMap(\.self).joined(separator: " ")
        }
        /// The containers of a pod, or of the template of whatever makes pods.
        var containers: [Container] {
            let pod = spec?.jobTemplate?.spec?.template?.spec ?? spec?.template?.spec
            let all = [spec?.initContainers, spec?.containers, spec?.ephemeralContainers]
            let templated = [pod?.initContainers, pod?.containers, pod?.ephemeralContainers]
            return (all + templated).compactMap(\.self).flatMap(\.self)
        }
    }
    struct Metadata: Decodable { let name: String?, namespace: String? }
    struct Container: Decodable { let name: String?, image: String? }
    struct Pod: Decodable {
        let initContainers: [Container]?, containers: [Container]?, ephemeralContainers: [Container]?
    }
    struct Template: Decodable { let spec: Pod? }
    struct Job: Decodable {
        struct Inner: Decodable { let template: Template? }
        let spec: Inner?
    }
    struct Specification: Decodable {
        let initContainers: [Container]?, containers: [Container]?, ephemeralContainers: [Container]?
        let template: Template?
        let jobTemplate: Job?
    }
}
