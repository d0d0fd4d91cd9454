// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Build
internal import OCI
internal import Spec

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a spec from another tool's list of images, charts and files.",
        discussion: """
            Reads a list of images, Hauler manifests, Zarf packages, imgpkg images locks, oc-mirror image set \
            configurations, Kubernetes YAML, a packed chart, and what `kubectl get pods -A -o json` prints. What a spec cannot carry \
            is reported with its place, and listed in a comment of the spec.

            EXAMPLES:
              sealift import hauler.yaml -o site.yaml
              sealift import images.txt --platform linux/amd64 > site.yaml
              kubectl get pods -A -o json | sealift import - --name running -o running.yaml
            """)

    @Argument(help: ArgumentHelp("The list; - for standard input.", valueName: "file"), completion: .file())
    var file: String
    @Option(help: ArgumentHelp("The name of the bundle. (default: that of the file)", valueName: "name"))
    var name: String?
    @Option(
        help: "A platform to carry; may be repeated. (default: those of the list, or linux/amd64)",
        transform: { try Platform($0) })
    var platform: [Platform] = []
    @OptionGroup var target: SpecTarget
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let list = try await onThread { () throws(Failure) in
            // A folder is refused here; `images` is for folders.
            if file != "-" { _ = try File.open(file) }
            var lists: [ForeignList] = []
            try ImageFiles([file]).forEach { (found) throws(Failure) in
                lists.append(
                    found.isPacked
                        ? ForeignList(try ImageFiles.chart(found), path: found.path)
                        : try ForeignList.read(found.bytes, path: found.path))
            }
            return lists[0]
        }
        let stem = file == "-" ? "imported" : file.split(separator: "/").last.map(String.init) ?? "imported"
        let usual = stem.split(separator: ".").first.map(String.init) ?? stem
        let text = try SpecText.spec(
            of: list, name: name ?? usual, platforms: platform, tool: "sealift \(Sealift.version)")
        for omission in list.omissions { Console.say("\(list.path):\(omission)") }
        try await target.write(text, or: nil)
        Console.say("\(list.path) is \(list.form.rawValue): \(list.summary)")
    }
}

extension ForeignList {
    /// The images of a packed chart at `path`.
    fileprivate init(_ chart: ChartReading, path: String) {
        self.init(
            chart: chart.images.map { ($0.text, "\($0.place)") },
            unknown: chart.unknown.map { ($0.text, "\($0.place)") }, path: path)
    }

    /// What a spec takes over and what it does not, in numbers.
    fileprivate var summary: String {
        let taken = "\(count == 1 ? "1 entry" : "\(count) entries") taken over"
        return omissions.isEmpty
            ? taken : "\(taken), \(omissions.count) not: they are listed above and in the spec"
    }
}
