// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Apply
@testable import Build

@Suite struct DockerTrapsTests {
    @Test(arguments: [
        ("#!/bin/bash\nDOCKER_VERSION=\"19.03.14-sealer\"\n", "19.03.14-sealer"),
        ("  DOCKER_VERSION='20.10.1' # pinned\n", "20.10.1"),
        ("DOCKER_VERSION=19.03.15; echo\n", "19.03.15"),
    ])
    func findsThePinnedVersion(script: String, version: String) throws {
        let bytes = Array(script.utf8)
        let range = try #require(DockerVersionPins.pinnedVersion(in: bytes))
        #expect(String(decoding: bytes[range], as: UTF8.self) == version)
    }

    @Test(arguments: [
        "", "echo DOCKER_VERSION=1\n", "# DOCKER_VERSION=\"1\"\n", "DOCKER_VERSION=$1\n",
        "DOCKER_VERSION=\"$(docker version)\"\n", "MY_DOCKER_VERSION=1\n",
    ])
    func takesNothingElseForAPin(script: String) {
        #expect(DockerVersionPins.pinnedVersion(in: Array(script.utf8)) == nil)
    }

    @Test func readsTheVersionOfATarballsName() {
        let folder = "https://download.docker.com/linux/static/stable/x86_64"
        #expect(DockerVersionPins.version(ofTarball: "\(folder)/docker-19.03.15.tgz") == "19.03.15")
        #expect(DockerVersionPins.version(ofTarball: "\(folder)/docker-20.10.24-rc1.tgz") == "20.10.24")
        #expect(DockerVersionPins.version(ofTarball: "\(folder)/docker.tgz") == nil)
        #expect(DockerVersionPins.version(ofTarball: "\(folder)/containerd-1.6.20.tgz") == nil)
    }

    @Test func findsTheRegistryThatAScriptStarts() {
        let script = """
            # docker run registry:2.6
            docker run -d --name registry \\
              -v x:/var/lib/registry registry:2.7.1 || true
            docker tag "registry:2.8"
            """
        #expect(
            DockerVersionPins.registryImages(in: Array(script.utf8)) == ["registry:2.7.1", "registry:2.8"])
    }
}
