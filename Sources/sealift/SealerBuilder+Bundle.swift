// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import Build
internal import OCI
internal import Sealer
internal import Serve
internal import Synchronization

/// The real sealer as builder, with a bundle as the only registry that it reaches.
enum RealSealer {
    /// The builder that runs the program at `path`, or the `sealer` in PATH.
    /// - Throws: a ``Failure`` of kind `input` where there is none.
    static func builder(_ path: String?, for bundle: Bundle) throws(Failure) -> SealerBuilder {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let candidates = path.map { [$0] } ?? folders.map { "\($0)/sealer" }
        guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw Failure(
                .input, "build with", path ?? "sealer",
                because: path == nil
                    ? "there is no such program in PATH" : "it is not a program that may be run",
                remedy: "name it with --sealer PATH, or build with the native builder: --builder native")
        }
        return SealerBuilder(program: program) { (sockets) throws(Failure) in
            try serve(bundle, on: sockets)
        }
    }

    /// Serves `bundle` on bound sockets; returns what ends it. Blocks.
    private static func serve(_ bundle: Bundle, on sockets: [Int32]) throws(Failure) -> @Sendable () -> Void {
        let copies = sockets.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        let servers: [Server] = try waited { () throws(Failure) in
            let catalog = try Catalog([BundleShelf(bundle: bundle)])
            var servers: [Server] = []
            for socket in copies {
                var settings = ServerSettings(aliases: [bundle.spec.registry], threads: 1)
                settings.socket = socket
                servers.append(try await Server.start(catalog, settings: settings))
            }
            return servers
        }
        return {
            try? waited { () throws(Failure) in for server in servers { await server.stop() } }
        }
    }

    /// Waits on this thread, which is none of the cooperative pool, for what `body` does there.
    private static func waited<Result: Sendable>(
        _ body: @escaping @Sendable () async throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let done = DispatchSemaphore(value: 0)
        let box = Box<Result>()
        Task.detached {
            let outcome: Swift.Result<Result, Failure>
            do throws(Failure) { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            box.outcome.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        return try box.outcome.withLock { $0! }.get()
    }

    private final class Box<Value: Sendable>: Sendable {
        let outcome = Mutex<Swift.Result<Value, Failure>?>(nil)
    }
}
