// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// A login. Never shown in an error or event.
enum Login: Sendable, Equatable {
    case password(user: String, password: String)
    /// An identity token, to be exchanged at a token server.
    case identity(String)

    /// The value of an `Authorization` field (RFC 7617); `nil` for an identity token.
    var basic: String? {
        guard case .password(let user, let password) = self else { return nil }
        return "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }
}

/// A login and where it is kept.
struct StoredLogin: Sendable, Equatable {
    var login: Login
    /// The auth file, or the credential helper.
    var place: String

    /// Whose it is and where it is kept, without its secret.
    var description: String {
        switch login {
        case .password(let user, _): "'\(user.prefix(100))' in \(place)"
        case .identity: "an identity token in \(place)"
        }
    }
}

/// The logins that `docker login` and `podman login` left on this host.
struct Credentials: Sendable {
    /// The files to look into, in order; the first with a login for a place wins.
    let files: [String]
    private let isExplicit: Bool

    /// `REGISTRY_AUTH_FILE` alone where it is set; else podman's file, then docker's.
    init(environment: [String: String]) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        isExplicit = value("REGISTRY_AUTH_FILE") != nil
        if let file = value("REGISTRY_AUTH_FILE") {
            files = [file]
        } else {
            let docker = value("DOCKER_CONFIG") ?? value("HOME").map { $0 + "/.docker" }
            files = [
                value("XDG_RUNTIME_DIR").map { $0 + "/containers/auth.json" },
                docker.map { $0 + "/config.json" },
            ].compactMap(\.self)
        }
    }

    /// The login for `repository` at `authority` (`host[:port]`); `nil` where there is none. Blocking: it
    /// reads files and may run a credential helper.
    /// - Throws: a ``Failure`` of kind `configuration` for a file that cannot be understood.
    func login(for authority: String, _ repository: String) throws(Failure) -> StoredLogin? {
        for path in files {
            guard let file = try read(path) else { continue }
            if let login = try file.login(for: authority, repository: repository, path: path) { return login }
        }
        return nil
    }

    private func read(_ path: String) throws(Failure) -> AuthFile? {
        let bytes: [UInt8]
        do throws(Failure) {
            bytes = try File.open(path).bytes(limit: 4 << 20)
        } catch {
            if error.kind == .input, !isExplicit { return nil }
            var failure = error
            if isExplicit { failure.reason += "; REGISTRY_AUTH_FILE names it" }
            throw failure
        }
        do {
            return try JSONText.decode(AuthFile.self, from: bytes)
        } catch {
            // The decoder's own words may quote the file, which holds secrets.
            throw Failure(
                .configuration, "read the logins in", path, because: "it is not the JSON of an auth file",
                remedy: "write it again with 'podman login' or 'docker login'")
        }
    }
}

/// `config.json` of docker, `auth.json` of podman (containers-auth.json(5)).
struct AuthFile: Decodable {
    struct Entry: Decodable {
        var auth: String?
        var username: String?
        var password: String?
        var identitytoken: String?
    }
    var auths: [String: Entry]?
    var credHelpers: [String: String]?
    var credsStore: String?

    /// The names that Docker's own registry goes by in auth files, the usual one first.
    private static let dockerNames = [
        "https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io",
    ]

    func login(for authority: String, repository: String, path: String) throws(Failure) -> StoredLogin? {
        let isDocker = Self.dockerNames.contains(authority)
        let hosts = isDocker ? Self.dockerNames : Self.names(authority)
        func helped(_ helper: String) throws(Failure) -> StoredLogin? {
            let login: Login?
            do throws(Failure) {
                login = try CredentialHelper(helper).login(for: isDocker ? Self.dockerNames[0] : authority)
            } catch {
                var failure = error
                failure.reason += "; \(path) names it for \(authority)"
                throw failure
            }
            return login.map {
                StoredLogin(login: $0, place: "docker-credential-\(helper), which \(path) names")
            }
        }
        if let helper = hosts.lazy.compactMap({ credHelpers?[$0] }).first { return try helped(helper) }
        if let entry = entry(for: hosts, repository),
            let login = try Self.login(entry, path: path, host: authority)
        {
            return StoredLogin(login: login, place: path)
        }
        guard let credsStore, !credsStore.isEmpty else { return nil }
        return try helped(credsStore)
    }

    /// What a server is called: by the port 443 or without it.
    private static func names(_ authority: String) -> [String] {
        switch (try? HostPort(authority))?.port {
        case 443: [authority, String(authority.dropLast(":443".count))]
        case nil: [authority, authority + ":443"]
        default: [authority]
        }
    }

    /// The entry with the longest path that `repository` is below.
    private func entry(for hosts: [String], _ repository: String) -> Entry? {
        guard let auths else { return nil }
        var parts = repository.split(separator: "/")
        while true {
            let suffix = parts.isEmpty ? "" : "/" + parts.joined(separator: "/")
            for host in hosts { if let entry = auths[host + suffix] { return entry } }
            if parts.isEmpty { break }
            parts.removeLast()
        }
        // docker wrote whole URLs once, and takes a key for the host before its first slash.
        let written = auths.keys.sorted().first { key in
            var parts = key.split(separator: "/", omittingEmptySubsequences: true)
            if let scheme = parts.first, scheme.hasSuffix(":") { parts.removeFirst() }
            guard let host = parts.first, hosts.contains(String(host)) else { return false }
            return key.contains("://") || parts.dropFirst().allSatisfy { ["v1", "v2"].contains($0) }
        }
        return written.flatMap { auths[$0] }
    }

    private static func login(_ entry: Entry, path: String, host: String) throws(Failure) -> Login? {
        if let token = entry.identitytoken, !token.isEmpty { return .identity(token) }
        if let user = entry.username, let password = entry.password, !user.isEmpty {
            return .password(user: user, password: password)
        }
        guard let auth = entry.auth, !auth.isEmpty else { return nil }
        let padding = String(repeating: "=", count: (4 - auth.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: auth + padding),
            let colon = data.firstIndex(of: UInt8(ascii: ":"))
        else {
            throw Failure(
                .configuration, "read the login for \(host) in", path,
                because: "its 'auth' is not base64 of USER:PASSWORD", remedy: "log in to \(host) again")
        }
        return .password(
            user: String(decoding: data[..<colon], as: UTF8.self),
            // docker pads it with NUL, and takes that off.
            password: String(
                decoding: data[data.index(after: colon)...].drop { $0 == 0 }.reversed().drop { $0 == 0 }
                    .reversed(),
                as: UTF8.self))
    }
}
