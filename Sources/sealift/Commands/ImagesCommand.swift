// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Manifests
internal import OCI

struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "List the image references in Kubernetes YAML and imageLists, one a line.",
        discussion: "A file whose name has no .yaml or .yml ending is read as an imageList.")

    @Argument(help: "Files to look into.", completion: .file())
    var paths: [String]
    func run() async throws {
        for path in paths {
            let scan = try await onThread { () throws(Failure) in try read(path) }
            for value in scan.unreadable {
                Console.say(
                    "\(path):\(value.position): '\(value.text)' is no image reference: \(value.reason)")
            }
            for image in scan.references { Console.print("\(image.reference)") }
        }
    }

    private func read(_ path: String) throws(Failure) -> ImageScan {
        let bytes = try File.open(path).bytes(limit: 64 << 20)
        let isYAML = [".yaml", ".yml"].contains(where: path.hasSuffix)
        return isYAML ? try .yaml(bytes, path: path) : try .imageList(bytes, path: path)
    }
}
