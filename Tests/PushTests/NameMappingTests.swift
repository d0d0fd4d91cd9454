// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@testable import Push

/// What images are called in the registry that they are pushed to.
@Suite struct NameMappingTests {
    func mapped(_ image: String, to target: String, _ rules: String...) throws -> String {
        let mapping = try NameMapping(to: target, rules: rules.map { try NameMapping.Rule($0) })
        return try mapping.reference(for: Reference(image)).description
    }

    @Test func theDomainIsDropped() throws {
        #expect(
            try mapped("calico/node:v3", to: "harbor.site/mirror") == "harbor.site/mirror/calico/node:v3")
        #expect(try mapped("nginx", to: "10.0.0.5:5000") == "10.0.0.5:5000/library/nginx:latest")
        #expect(try mapped("quay.io/a/b:1", to: "localhost:5000/x/y/") == "localhost:5000/x/y/a/b:1")
        let digest = Digest(of: [])
        #expect(
            try mapped("a/b:1@\(digest)", to: "harbor.site:443") == "harbor.site:443/a/b:1@\(digest)")
        #expect(try mapped("a/b@\(digest)", to: "harbor.site") == "harbor.site/a/b@\(digest)")
    }

    @Test(arguments: [
        ("quay.io/tigera/operator:v1", "quay.io/tigera=ops", "ops/operator:v1"),
        ("quay.io/tigera/operator:v1", "tigera=ops", "ops/operator:v1"),
        ("quay.io/tigera/operator:v1", "quay.io=quay", "quay/tigera/operator:v1"),
        ("quay.io/tigera/operator:v1", "quay.io/tigera/operator=op", "op:v1"),
        ("quay.io/tigera/operator:v1", "quay.io/tig=x", "tigera/operator:v1"),
        ("nginx:1", "library=", "nginx:1"),
        ("a.io/b/c:1", "a.io/b/=/d/", "d/c:1"),
    ])
    func wholeComponentsAreRewritten(_ image: String, _ rule: String, _ expected: String) throws {
        #expect(try mapped(image, to: "harbor.site", rule) == "harbor.site/" + expected)
        #expect(try mapped(image, to: "harbor.site", "b=never", rule) == "harbor.site/" + expected)
    }

    @Test func ofTwoRulesThatFitTheLongerCounts() throws {
        for rules in [["quay.io=short", "quay.io/tigera=long"], ["quay.io/tigera=long", "quay.io=short"]] {
            #expect(
                try mapped("quay.io/tigera/operator:v1", to: "h.site", rules[0], rules[1])
                    == "h.site/long/operator:v1")
        }
    }

    @Test(arguments: [
        "", "harbor", "harbor/mirror", "https://h.site", "h.site/UPPER", "h.site/a b", "h.site:x/a",
        "h.site/a:1",
    ])
    func targetsThatNameNoRegistryAreRefused(_ target: String) {
        #expect(throws: Failure.self) { try NameMapping(to: target) }
    }

    @Test(arguments: ["", "a", "=b", "a=b=c"])
    func rulesThatAreNoneAreRefused(_ rule: String) {
        #expect(throws: Failure.self) { try NameMapping.Rule(rule) }
        #expect(throws: Failure.self) { try self.mapped("a/b:1", to: "h.site", "a/b=") }
        #expect(throws: Failure.self) { try self.mapped("a/b:1", to: "h.site", "a=UPPER") }
    }
}
