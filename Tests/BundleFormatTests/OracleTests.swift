// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import TestSupport
import Testing

/// The bundle in the hands of the tools that people have.
@Suite struct OracleTests {
    @Test func tarListsAndExtractsIt() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let plan = try fixture.plan()
            try fixture.write(plan, at: folder + "/b.tar")
            let list = try run("tar", "tvf", "b.tar", in: folder)
            #expect(list.status == 0 && list.errors.isEmpty, "\(list.errors)")
            let lines = list.text.split(separator: "\n")
            #expect(lines.count == plan.blobs.count + 2)
            #expect(lines.allSatisfy { $0.hasPrefix("-rw-r--r-- 0/0 ") })
            try FileManager.default.createDirectory(atPath: folder + "/x", withIntermediateDirectories: false)
            #expect(try run("tar", "xf", "../b.tar", in: folder + "/x").status == 0)
            let sums = try run("sh", "-c", "cd x/blobs/sha256 && sha256sum *", in: folder).text
            let wrong = sums.split(separator: "\n").filter { line in
                let words = line.split(separator: " ")
                return words[0] != words[1]
            }
            #expect(wrong.isEmpty)
            #expect(sums.split(separator: "\n").count == plan.blobs.count)
            #expect(Digest(of: try bytes(of: folder + "/x/index.json")) == plan.indexDigest)
        }
    }

    @Test(arguments: Fixture.Form.allCases) func skopeoReadsEveryForm(_ form: Fixture.Form) throws {
        try withFolder { folder in
            let fixture = try Fixture()
            try fixture.write(try fixture.plan(), at: folder + "/b.tar")
            let name = "example.invalid/test/\(form.rawValue.lowercased()):v1"
            let source = "oci-archive:\(folder)/b.tar:\(name)"
            let inspected = try run("skopeo", "inspect", "--override-arch", "amd64", source)
            #expect(inspected.status == 0, "\(inspected.errors)")
            for platform in form.isIndex ? Fixture.platforms : [Fixture.platforms[0]] {
                let target = "\(folder)/\(platform.architecture)"
                let copied = try run(
                    "skopeo", "--override-arch", platform.architecture, "copy", source, "dir:" + target)
                #expect(copied.status == 0, "\(copied.errors)")
                let image = try #require(fixture.images.first { "\($0.reference)" == name })
                let instance = try #require(image.instance(for: platform))
                #expect(try bytes(of: target + "/manifest.json") == instance.raw)
            }
        }
    }

    @Test func podmanLoadsIt() throws {
        try withFolder { folder in
            let fixture = try Fixture([.list, .oci])
            try fixture.write(try fixture.plan(), at: folder + "/b.tar")
            // podman bounds the length of its paths.
            let short = try Scratch()
            let storage = [
                "--root", folder + "/root", "--runroot", short.path, "--storage-driver", "vfs",
            ]
            defer { withExtendedLifetime(short) {} }
            for image in fixture.images {
                let source = "oci-archive:\(folder)/b.tar:\(image.reference)"
                let pulled = try run(["podman"] + storage + ["pull", "--arch", "amd64", source])
                #expect(pulled.status == 0, "\(pulled.errors)")
            }
            let list = try run(["podman"] + storage + ["images", "--quiet"])
            #expect(list.text.split(separator: "\n").count == 2, "\(list.text)\(list.errors)")
        }
    }
}
