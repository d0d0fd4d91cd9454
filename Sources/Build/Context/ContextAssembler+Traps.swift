// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// What the scripts of a docker base expect of the files that a spec puts beside them.
extension ContextAssembler {
    /// Refuses a repacked tarball whose top folder a script of the base would strip a second time.
    func checkStripping(of path: String) throws(Failure) {
        let tarball = path.split(separator: "/").last ?? ""
        guard let folder = files.root.children[Array("scripts".utf8)], folder.isFolder else { return }
        for (name, node) in folder.children.ordered
        where node.isFile && name.suffix(3).elementsEqual(".sh".utf8) {
            let script = "scripts/\(FileNode.shown(name))"
            let text = String(decoding: try node.bytes(limit: 1 << 20, artifact: script), as: UTF8.self)
            for line in text.split(whereSeparator: \.isNewline)
            where line.contains(tarball) && line.contains("--strip-components")
                && line.drop(while: \.isWhitespace).first != "#"
            {
                throw Failure(
                    .configuration, "repack", path,
                    because: "\(script) unpacks it with --strip-components, and expects its top folder",
                    remedy: "put the tarball as it is: `file:` in place of `repack:`")
            }
        }
    }

    /// Sets a pinned docker version in `scripts/` to that of the tarball (sealer rule 6.4).
    func repin(to version: String?, isCertain: Bool, tarball: String) throws(Failure) {
        for (name, script) in try scripts() {
            guard let range = DockerVersionPins.pinnedVersion(in: script) else { continue }
            let pinned = String(decoding: script[range], as: UTF8.self)
            if pinned == version { continue }
            guard let version, isCertain else {
                throw Failure(
                    .configuration, "build with the docker of", tarball,
                    because: "scripts/\(name) demands docker \(pinned), and "
                        + (version.map { "no program in the tarball says that it is \($0)" }
                            ?? "the tarball's name does not tell its version"),
                    remedy: "name a tarball docker-VERSION.tgz whose dockerd is of that version")
            }
            try change("scripts/\(name)") { (bytes) throws(Failure) in
                Array(bytes[..<range.lowerBound]) + Array(version.utf8) + Array(bytes[range.upperBound...])
            }
            session.note(
                "scripts/\(name) demanded docker \(pinned); it now demands \(version), as in the tarball")
        }
    }

    /// Compares a saved registry image with the one that the base starts (sealer rule 6.5).
    func checkRegistry(_ saved: Reference) throws(Failure) {
        guard saved.repository.hasSuffix("/registry"), let tag = saved.tag else { return }
        for (name, script) in try scripts() where name == "init-registry.sh" {
            let started = DockerVersionPins.registryImages(in: script)
            guard let other = started.first, !started.contains("registry:\(tag)") else { continue }
            throw Failure(
                .configuration, "save", saved.familiar,
                because: "scripts/\(name) of the base starts \(other), which no cluster would then find",
                remedy: "save \(other) instead")
        }
    }

    /// The shell scripts of a docker base that carry pins, those that are there.
    private func scripts() throws(Failure) -> [(String, [UInt8])] {
        var found: [(String, [UInt8])] = []
        for name in ["docker.sh", "init-registry.sh"] where files.root.holds("scripts/\(name)") {
            found.append((name, try files.read("scripts/\(name)")))
        }
        return found
    }
}
