// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

extension RunningServer {
    /// An nginx with the given `server` blocks, which answers at all `ports`. Its log of requests is `access.log` in `scratch`.
    static func nginx(_ servers: [String], at ports: some Sequence<Int>, in scratch: Scratch) async throws
        -> RunningServer
    {
        let configuration = try scratch.write(
            "nginx.conf",
            """
            daemon off; worker_processes 1; error_log \(scratch.path)/error.log; pid \(scratch.path)/pid;
            events {}
            http {
                access_log \(scratch.path)/access.log;
                client_body_temp_path \(scratch.path)/1; proxy_temp_path \(scratch.path)/2;
                fastcgi_temp_path \(scratch.path)/3; uwsgi_temp_path \(scratch.path)/4;
                scgi_temp_path \(scratch.path)/5;
                \(servers.joined(separator: "\n"))
            }
            """)
        chmod(scratch.path, 0o755)
        let nginx = try RunningServer(
            "/usr/sbin/nginx", ["-c", configuration, "-e", scratch.path + "/error.log"])
        for port in ports { try await wait(for: port) }
        return nginx
    }
}
