// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What the resolver says of a host name that could not be resolved.
enum HostLookup {
    /// Whether the resolver answers that there is no such name, so that asking again is of no use; not where it did not
    /// answer, or knows no server (RFC 2308 parts NXDOMAIN from a failure; getaddrinfo(3) calls it `EAI_NONAME`).
    static func isUnknown(_ name: String) async -> Bool {
        let code = try? await onThread { () throws(Failure) in
            var list: UnsafeMutablePointer<addrinfo>?
            let code = getaddrinfo(name, nil, nil, &list)
            if let list { freeaddrinfo(list) }
            return code
        }
        // EAI_NODATA: the name is there and has no address. Only _GNU_SOURCE shows it.
        return code == EAI_NONAME || code == -5
    }

    /// The name in libcurl's words, `Could not resolve host: NAME` (or proxy); `nil` where they are others.
    static func name(in text: String) -> String? {
        guard text.hasPrefix("Could not resolve "), let colon = text.firstRange(of: ": ") else { return nil }
        let name = text[colon.upperBound...].prefix { $0 != " " }
        return name.isEmpty ? nil : String(name)
    }
}
