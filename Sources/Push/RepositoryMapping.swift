// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What the images of a bundle are called in the registry that they are pushed to.
///
/// The domain is dropped, as sealer's own registry does it: with the target `harbor.site:443/mirror`,
/// `docker.io/calico/node:v3` goes to `harbor.site:443/mirror/calico/node:v3`.
package struct NameMapping: Sendable {
    /// `host[:port]` of the registry.
    package let domain: String
    /// The prefix of each name; empty, or with a slash at its end.
    package let prefix: String
    private let rules: [Rule]

    /// `FROM=TO`: names that are FROM, or are below it, become TO, or names below TO.
    package struct Rule: Sendable, Hashable {
        /// The start of a name, whole components of it, with or without its domain: `quay.io/tigera`, `calico`.
        package let from: String
        /// What replaces it, below the target; may be empty.
        package let to: String

        /// Parses `FROM=TO`.
        /// - Throws: a ``Failure`` of kind `usage`.
        package init(_ text: String) throws(Failure) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, parts.allSatisfy({ !$0.contains("=") }) else {
                throw Failure(
                    .usage, "read the rule", "'\(text.prefix(100))'", because: "it is not FROM=TO",
                    remedy: "write it like quay.io/tigera=operators")
            }
            func trimmed(_ text: Substring) -> String { text.split(separator: "/").joined(separator: "/") }
            from = trimmed(parts[0])
            to = trimmed(parts[1])
        }
    }

    /// Names below `target`, written `HOST[:PORT][/PREFIX]`.
    /// - Parameter rules: of several that fit a name, the one with the longest FROM counts.
    /// - Throws: a ``Failure`` of kind `usage` for a target that is not well formed.
    package init(to target: String, rules: [Rule] = []) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .usage, "push to", "'\(target.prefix(100))'", because: reason,
                remedy: "write it like harbor.site/mirror or 10.0.0.5:5000")
        }
        guard !target.contains("://") else { throw refuse("it is a URL, not a registry's name") }
        let parts = target.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let path = parts.dropFirst().filter { !$0.isEmpty }
        let probe: Reference
        do throws(Failure) {
            probe = try Reference((parts.prefix(1) + path + ["x"]).joined(separator: "/"))
        } catch {
            throw refuse(error.reason)
        }
        guard probe.domain == parts[0], probe.digest == nil else {
            throw refuse("'\(parts[0])' has neither a dot nor a port, so it is no registry")
        }
        domain = probe.domain
        prefix = path.map { $0 + "/" }.joined()
        self.rules = rules.sorted { $0.from.utf8.count > $1.from.utf8.count }
    }

    /// The name of `image` in the registry; its tag and digest stay.
    /// - Throws: a ``Failure`` of kind `configuration` where a rule makes a name that is not well formed.
    package func reference(for image: Reference) throws(Failure) -> Reference {
        let path = path(of: image)
        let suffix = image.path.dropFirst(image.repository.count)
        do throws(Failure) {
            return try Reference("\(domain)/\(prefix)\(path)\(suffix)")
        } catch {
            var failure = error
            failure.operation = "push \(image) as"
            failure.remedy = "use --rewrite to give it a name like calico/node"
            throw failure
        }
    }

    private func path(of image: Reference) -> String {
        let names = [image.domain + "/" + image.repository, image.repository]
        for rule in rules {
            for name in names where name == rule.from || name.hasPrefix(rule.from + "/") {
                let rest = name.dropFirst(rule.from.count)
                return rule.to.isEmpty ? String(rest.dropFirst()) : rule.to + rest
            }
            // A domain without a path means all of its images.
            if rule.from == image.domain { return rule.to + "/" + image.repository }
        }
        return image.repository
    }
}
