// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import COpenSSL
internal import CStartup
internal import OCI

/// What the program says of itself.
enum About {
    /// Version, commit, platform, how it is linked, and the OpenSSL that does all TLS: what a report of a bug needs.
    static var text: String {
        let commit = String(cString: sealift_build_commit())
        let running = try? ExecutableFile(try File.open(ExecutableFile.running))
        let linking = running.map { $0.loader == nil ? ", static" : ", dynamic" } ?? ""
        return """
            sealift \(SEALIFT_VERSION)
            commit \(commit.isEmpty ? "not recorded" : commit)
            platform \(running?.platform ?? .host)\(linking)
            \(String(cString: OpenSSL_version(0)))
            """
    }
}
