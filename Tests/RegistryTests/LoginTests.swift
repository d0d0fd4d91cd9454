// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Logins at the real docker-registry: passwords and tokens.
@Suite struct LoginTests {
    /// An auth file with one entry, as an environment.
    static func environment(_ scratch: Scratch, _ entry: String, host: String) throws -> [String: String] {
        ["REGISTRY_AUTH_FILE": try scratch.write("auth.json", "{\"auths\": {\"\(host)\": {\(entry)}}}")]
    }

    static func auth(_ user: String, _ password: String) -> String {
        "\"auth\": \"\(Data("\(user):\(password)".utf8).base64EncodedString())\""
    }

    /// A registry with an image `a/b:1`, that asks for the password of `user`.
    static let withPassword = Task {
        let open = try await RunningRegistry()
        try open.push("list", "a/b:1")
        let line = try RunningServer.run("/usr/bin/htpasswd", ["-nbB", "user", "hidden"])
        let file = try open.scratch.write("htpasswd", line)
        return try await RunningRegistry(
            open.scratch, more: "auth: { htpasswd: { realm: here, path: \(file) } }")
    }

    @Test func logsInWithAPassword() async throws {
        let registry = try await Self.withPassword.value
        let scratch = try Scratch()
        let environment = try Self.environment(
            scratch, Self.auth("user", "hidden"), host: registry.host)
        let client = try RegistryClient(registry.settings(environment))
        #expect(try await fetchAll(client, registry.reference("a/b:1")) == 6)
    }

    @Test(arguments: ["", auth("user", "wrong-hidden")])
    func saysHowToLogInAndNoSecret(_ entry: String) async throws {
        let registry = try await Self.withPassword.value
        let scratch = try Scratch()
        let environment = try Self.environment(scratch, entry, host: registry.host)
        let client = try RegistryClient(registry.settings(environment))
        let failure = try await failure { _ = try await client.resolve(registry.reference("a/b:1")) }
        #expect(failure.kind == .denied)
        #expect(failure.remedy.contains("podman login \(registry.host)"))
        #expect(failure.remedy.contains("REGISTRY_AUTH_FILE"))
        #expect(!"\(failure)".contains("hidden"))
    }

    @Test func asksACredentialHelper() async throws {
        let registry = try await Self.withPassword.value
        let scratch = try Scratch()
        let name = "sealift-test-\(registry.port)"
        // Helpers are looked for on the PATH, which is of the process: a folder on it that may be written.
        let folder = try #require(
            ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").first {
                access(String($0), W_OK) == 0
            })
        let program = "\(folder)/docker-credential-\(name)"
        try """
        #!/bin/sh
        read -r server
        echo "$1 $server" >> \(scratch.path)/asked
        if [ "$server" = \(registry.host) ]; then
            echo '{"ServerURL": "x", "Username": "user", "Secret": "hidden"}'
        else
            echo 'credentials not found in native keychain'; exit 1
        fi
        """.write(toFile: program, atomically: true, encoding: .utf8)
        defer { unlink(program) }
        chmod(program, 0o755)
        for file in [
            "{\"credHelpers\": {\"\(registry.host)\": \"\(name)\"}}", "{\"credsStore\": \"\(name)\"}",
        ] {
            let path = try scratch.write("docker/config.json", file)
            let folder = String(path.dropLast("/config.json".count))
            let client = try RegistryClient(registry.settings(["DOCKER_CONFIG": folder]))
            #expect(try await fetchAll(client, registry.reference("a/b:1")) == 6)
        }
        let asked = try String(contentsOfFile: scratch.path + "/asked", encoding: .utf8)
        #expect(Set(asked.split(separator: "\n")) == ["get \(registry.host)"])
        try #expect(CredentialHelper(name).login(for: "elsewhere") == nil)
        #expect(throws: Failure.self) { try CredentialHelper("../x") }
        let none = try scratch.write("none/config.json", "{\"credsStore\": \"none-of-that-name\"}")
        let settings = registry.settings(["DOCKER_CONFIG": String(none.dropLast("/config.json".count))])
        let client = try RegistryClient(settings)
        let missing = try await failure { _ = try await client.resolve(registry.reference("a/b:1")) }
        #expect(missing.artifact.hasPrefix("docker-credential-none-of-that-name"), "\(missing)")
        #expect(missing.reason == "there is no such program; \(none) names it for \(registry.host)")
        #expect(missing.remedy.contains("PATH"))
    }

    @Test func waitsForACredentialHelperOnlySoLong() throws {
        let folder = try #require(
            ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").first {
                access(String($0), W_OK) == 0
            })
        let name = "sealift-slow-\(UUID().uuidString)"
        let program = "\(folder)/docker-credential-\(name)"
        try "#!/bin/sh\nexec sleep 600\n".write(toFile: program, atomically: true, encoding: .utf8)
        defer { unlink(program) }
        chmod(program, 0o755)
        let helper = try CredentialHelper(name, patience: .milliseconds(100))
        let failure = try #require(throws: Failure.self) { try helper.login(for: "a.io") }
        #expect(failure.kind == .denied)
        #expect(failure.reason.contains("did not answer"))
    }

    /// A registry that sends its users to a token server, with images `open/a:1` and `closed/a:1`.
    static let withTokens = Task {
        let plain = try await RunningRegistry()
        try plain.push("list", "open/a:1")
        try plain.push("list", "closed/a:1")
        let path = plain.scratch.path
        try Certificates.openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout \(path)/t.key -out \(path)/t.pem"
        )
        let tokens = try RunningServer(
            "/usr/bin/python3",
            [RunningServer.scripts + "/tokenserver.py", path + "/t.key", path + "/t.pem", "user", "hidden"])
        let port = try #require(try tokens.ports().first)
        let registry = try await RunningRegistry(
            plain.scratch,
            more: """
                auth:
                  token:
                    realm: http://127.0.0.1:\(port)/token
                    service: registry.test
                    issuer: tester
                    rootcertbundle: \(path)/t.pem
                """)
        return (registry, tokens, port)
    }

    struct Asked: Decodable {
        var method: String
        var scope: [String]
        var user: Bool
    }

    @Test(arguments: [
        ("open/a:1", "", "GET", false), ("closed/a:1", auth("user", "hidden"), "GET", true),
        ("closed/a:1", "\"identitytoken\": \"hidden\"", "POST", true),
    ])
    func getsATokenInEachWay(_ name: String, _ entry: String, _ method: String, _ isUser: Bool) async throws {
        let (registry, _, port) = try await Self.withTokens.value
        let scratch = try Scratch()
        let environment = try Self.environment(scratch, entry, host: registry.host)
        var settings = registry.settings(environment)
        settings.insecureHosts.insert("127.0.0.1:\(port)")
        let client = try RegistryClient(settings)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { try await fetchAll(client, registry.reference(name)) }
            }
            for try await count in group { #expect(count == 6) }
        }
        let log = try await client.bytes(urls: ["http://127.0.0.1:\(port)/log"], limit: 1 << 20)
        let asked = try JSONDecoder().decode([Asked].self, from: Data(log))
            .filter {
                $0.method == method && $0.user == isUser
                    && $0.scope == ["repository:\(name.dropLast(2)):pull"]
            }
        // One token serves all requests for a repository.
        #expect(asked.count == 1)
    }

    @Test func isDeniedWhatTheTokenDoesNotAllow() async throws {
        let (registry, _, port) = try await Self.withTokens.value
        var settings = registry.settings()
        settings.insecureHosts.insert("127.0.0.1:\(port)")
        let client = try RegistryClient(settings)
        let failure = try await failure { _ = try await client.resolve(registry.reference("closed/a:1")) }
        #expect(failure.kind == .denied)
    }

    @Test func asksNoTokenServerOverPlainHTTP() async throws {
        let (registry, _, _) = try await Self.withTokens.value
        let client = try RegistryClient(registry.settings())
        let failure = try await failure { _ = try await client.resolve(registry.reference("open/a:1")) }
        #expect(failure.kind == .denied)
        #expect(failure.reason.contains("plain HTTP"))
    }

    @Test func findsTheLoginWithTheLongestPath() throws {
        let scratch = try Scratch()
        let entries = [
            "r.io": "host", "r.io/team": "team", "r.io/team/app": "app", "https://old.io/v1/": "old",
            "https://index.docker.io/v1/": "docker", "r.io:5000": "port", "n.io:443": "443", "v.io/v2/": "v2",
            "https://w.io": "url", "z.io": "zero\0\0\0", "c.io": "a:b:c", "six.io:5000": "six", "[::1]": "v6",
        ]
        let json = entries.map { "\"\($0.key)\": {\(Self.auth("u", $0.value))}" }.joined(separator: ",")
        let file = try scratch.write("auth.json", "{\"auths\": {\(json)}}")
        let credentials = Credentials(environment: ["REGISTRY_AUTH_FILE": file])
        let cases = [
            ("r.io", "x", "host"), ("r.io", "team/x", "team"), ("r.io", "team/app", "app"),
            ("r.io", "team/app/x", "app"), ("r.io", "teams", "host"), ("r.io:5000", "team/x", "port"),
            ("n.io", "x", "443"), ("n.io:443", "x", "443"), ("r.io:443", "x", "host"), ("v.io", "x/y", "v2"),
            ("w.io", "x", "url"), ("z.io", "x", "zero"), ("c.io", "x", "a:b:c"), ("[::1]:443", "x", "v6"),
            ("old.io", "x", "old"), ("registry-1.docker.io", "library/x", "docker"),
        ]
        for (host, repository, expected) in cases {
            #expect(
                try credentials.login(for: host, repository)?.login
                    == .password(user: "u", password: expected),
                "\(host)/\(repository)")
        }
        #expect(try credentials.login(for: "other.io", "x") == nil)
        #expect(try credentials.login(for: "io", "x") == nil)
        #expect(try credentials.login(for: "six.io", "x") == nil)
        #expect(try credentials.login(for: "n.io:80", "x") == nil)
    }

    @Test func readsTheAuthFilesInTheirPlaces() throws {
        let scratch = try Scratch()
        try scratch.write("run/containers/auth.json", "{\"auths\": {\"a.io\": {\(Self.auth("p", "1"))}}}")
        try scratch.write(
            ".docker/config.json",
            "{\"auths\": {\"a.io\": {\(Self.auth("d", "2"))}, \"b.io\": {\(Self.auth("d", "3"))}}}")
        let credentials = Credentials(environment: [
            "HOME": scratch.path, "XDG_RUNTIME_DIR": scratch.path + "/run",
        ])
        #expect(try credentials.login(for: "a.io", "x")?.login == .password(user: "p", password: "1"))
        #expect(try credentials.login(for: "b.io", "x")?.login == .password(user: "d", password: "3"))
        let bad = try scratch.write("bad.json", "{\"auths\": {\"a.io\": {\"auth\": \"hidden\"")
        for path in [bad, scratch.path + "/none.json"] {
            let credentials = Credentials(environment: ["REGISTRY_AUTH_FILE": path])
            do {
                _ = try credentials.login(for: "a.io", "x")
                Issue.record("no failure for \(path)")
            } catch {
                #expect(!error.description.contains("hidden"))
                #expect(error.artifact == path)
            }
        }
    }
}
