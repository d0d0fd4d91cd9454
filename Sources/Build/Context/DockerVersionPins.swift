// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Sealer

/// The traps of a docker base image that an operator must never meet (sealer rules 6.4
/// and 6.5): found in the scripts of an assembled context.
package enum DockerVersionPins {
    /// The assignment by which newer bases demand one version of docker: `DOCKER_VERSION="19.03.14-sealer"`.
    static let pin = "DOCKER_VERSION="

    /// The byte range of the pinned version in a script, quotes left out; `nil` where nothing is pinned.
    package static func pinnedVersion(in script: [UInt8]) -> Range<Int>? {
        for line in script.lineRanges {
            let code = script[line].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard code.starts(with: pin.utf8) else { continue }
            var start = code.startIndex + pin.utf8.count
            var end = line.upperBound
            if start < end, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(script[start]) {
                let quote = script[start]
                start += 1
                end = script[start..<end].firstIndex(of: quote) ?? end
            } else {
                end = script[start..<end].firstIndex { $0 == 0x20 || $0 == 0x09 || $0 == 0x3B } ?? end
            }
            // A version taken from elsewhere (`$1`, `$(…)`) is no pin.
            if start < end, !script[start..<end].contains(UInt8(ascii: "$")) { return start..<end }
        }
        return nil
    }

    /// The version in the name of a docker tarball, `docker-19.03.15.tgz`; `nil` for another name.
    package static func version(ofTarball url: String) -> String? {
        let file = url.split { "/:".contains($0) }.last ?? ""
        guard file.hasPrefix("docker-") else { return nil }
        let version = file.dropFirst(7).prefix { $0.isNumber || $0 == "." }
        let parts = version.split(separator: ".")
        return parts.count >= 3 ? parts.prefix(3).joined(separator: ".") : nil
    }

    /// The references `registry:TAG` that a script runs, in order.
    package static func registryImages(in script: [UInt8]) -> [String] {
        script.lineRanges.flatMap { line in
            let code = String(decoding: script[line], as: UTF8.self)
            guard code.drop(while: \.isWhitespace).first != "#" else { return [String]() }
            return code.split { " \t\"'=\\;".contains($0) }.map(String.init).filter { word in
                word.hasPrefix("registry:") && word.dropFirst(9).first?.isNumber == true
            }
        }
    }
}

extension [UInt8] {
    /// The lines, without their ends.
    var lineRanges: [Range<Int>] {
        split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            $0.startIndex..<$0.endIndex
        }
    }
}
