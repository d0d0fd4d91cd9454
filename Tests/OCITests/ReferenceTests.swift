// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@Suite struct ReferenceTests {
    @Test(arguments: [
        ("nginx", "docker.io/library/nginx:latest"),
        ("registry:2.7.1", "docker.io/library/registry:2.7.1"),
        ("calico/node:v3.19.1", "docker.io/calico/node:v3.19.1"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/a/b:1", "docker.io/a/b:1"),
        ("quay.io/tigera/operator:v1.17.4", "quay.io/tigera/operator:v1.17.4"),
        ("sea.hub:5000/calico/cni:v3.19.1", "sea.hub:5000/calico/cni:v3.19.1"),
        ("localhost/x", "localhost/x:latest"),
        ("a__b/c-d.e---f:T_.-1", "docker.io/a__b/c-d.e---f:T_.-1"),
    ])
    func fillsInWhatDockerFillsIn(text: String, full: String) throws {
        let reference = try Reference(text)
        #expect(reference.description == full)
        #expect(try Reference(full) == reference)
        #expect(try Reference(reference.familiar) == reference)
    }

    @Test func fillsInWhatSealerFillsIn() throws {
        let home = "registry.cn-qingdao.aliyuncs.com"
        #expect(
            try Reference("kubernetes:v1", defaults: .sealer).description == "\(home)/sealer-io/kubernetes:v1"
        )
        #expect(try Reference("a/b:v1", defaults: .sealer).description == "\(home)/a/b:v1")
    }

    @Test func keepsTagAndDigest() throws {
        let text = "quay.io/a/b:v1@sha256:" + String(repeating: "0a", count: 32)
        #expect(try Reference(text).description == text)
        #expect(try Reference("a/b@sha256:" + String(repeating: "0a", count: 32)).tag == nil)
    }

    @Test(arguments: [
        "", " ", "a b", "a\nb", "A/b", "a/b:", "a/b:-x", "../a", "a/../b", "a//b", "/a", "a/", "a@sha256:x",
        "a@b@c",
        "a___b", "a._b", ".a", "a.", "q.io:0/a", "q.io:99999/a", "-q.io/a",
        "a:" + String(repeating: "t", count: 129),
        String(repeating: "a", count: 300),
    ])
    func refusesWhatIsNotAReference(text: String) {
        #expect(throws: Failure.self) { try Reference(text) }
    }
}
