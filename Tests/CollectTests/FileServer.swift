// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Registry
import TestSupport

/// A web server for the files of a folder, which states their sizes below `/sized/` and none below `/unsized/`.
final class FileServer: Sendable {
    let scratch: Scratch
    let host: String
    private let server: RunningServer

    private static let script = """
        import http.server, os, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_GET(self):
                kind, name = self.path.split('/')[1:3]
                try:
                    data = open(os.path.join(sys.argv[1], name), 'rb').read()
                except OSError:
                    return self.send_error(404)
                with open(os.path.join(sys.argv[1], 'log'), 'a') as log:
                    log.write(self.command + ' ' + self.path + '\\n')
                self.send_response(200)
                if kind == 'sized':
                    self.send_header('Content-Length', str(len(data)))
                else:
                    self.send_header('Transfer-Encoding', 'chunked')
                    data = b'%x\\r\\n%s\\r\\n0\\r\\n\\r\\n' % (len(data), data) if data else b'0\\r\\n\\r\\n'
                self.end_headers()
                if self.command == 'GET':
                    self.wfile.write(data)
            do_HEAD = do_GET
            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
        """

    init() throws {
        scratch = try Scratch()
        server = try RunningServer("/usr/bin/python3", ["-c", Self.script, scratch.path])
        host = "127.0.0.1:\(try server.ports()[0])"
    }

    func url(_ name: String, _ kind: String = "sized") -> String { "http://\(host)/\(kind)/\(name)" }

    /// Method and path of every request that was answered.
    var requests: [String] {
        let text = (try? String(contentsOfFile: scratch("log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    func client() throws -> RegistryClient {
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [host]
        settings.retry.attempts = 1
        return try RegistryClient(settings)
    }
}
