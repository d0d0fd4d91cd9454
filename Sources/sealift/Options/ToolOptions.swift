// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

/// Which executables of sealift travel with a bundle.
struct ToolOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Carry this sealift too, a static executable for this or another platform; may be repeated.",
            valueName: "path"), completion: .file())
    var tool: [String] = []
    @Flag(
        help:
            "Do not carry the running sealift. (default: it is the bundle's member sealift, if it is static)")
    var noTool = false

    /// The executables: the running one, unless it is left out, needs shared libraries, or another one for its platform is
    /// named; and those that are named.
    /// - Throws: a ``Failure`` of kind `configuration` for a named one that cannot travel, of kind `usage` for two for one
    ///   platform.
    func files() throws(Failure) -> [ToolFile] {
        var files: [ToolFile] = []
        for path in tool {
            let file = try ToolFile(at: path)
            if let other = files.first(where: { $0.tool.platform == file.tool.platform }) {
                throw Failure(
                    .usage, "carry the tool", path,
                    because: "\(other.path) is for \(file.tool.platform) as well",
                    remedy: "name one for each platform")
            }
            files.append(file)
        }
        if noTool || files.contains(where: { $0.tool.name == CarriedTool.ownName }) { return files }
        let running = try ExecutableFile(try File.open(ExecutableFile.running))
        if let loader = running?.loader {
            Console.say(
                "the bundle carries no sealift: this one needs shared libraries (\(loader)); bundles/tool/build.sh makes one that can travel: run it, or name it with --tool"
            )
            return files
        }
        return files + [try ToolFile(at: ExecutableFile.running)]
    }
}
