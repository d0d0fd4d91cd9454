// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import OCI
package import Sealer

/// Builds with the real sealer 0.8, `sealer build --mode lite`, in place of ``LiteBuild``'s own way.
///
/// It runs in mount, network and process namespaces of its own. What it takes for `/var/lib/sealer` is an empty
/// store in the staging folder, with the base's layers mounted into it read only; the only network is a loopback
/// on which the bundle answers to the names of all registries, and the host's files are read only.
/// So its traps are shut: a missing `modprobe`, mounts and leftovers of other builds, concurrent builds, a kill.
/// What it made is measured and checked image by image before it comes into the store.
package struct SealerBuilder: Sendable {
    /// The program.
    package var program: String
    /// Serves the bundle as a registry, plain HTTP, on sockets that are bound; returns what ends it.
    package var serve: @Sendable ([Int32]) throws(Failure) -> @Sendable () -> Void

    /// Creates a builder.
    package init(
        program: String, serve: @escaping @Sendable ([Int32]) throws(Failure) -> @Sendable () -> Void
    ) {
        self.program = program
        self.serve = serve
    }

    static let remedy = "look at what it says; the native builder, without --builder, does without sealer"

    /// Builds and registers the image that `build` describes; its context holds the file `Kubefile`.
    /// - Throws: a ``Failure``, as ``LiteBuild/run(in:)``; of kind `data` where an image did not arrive, of kind
    ///   `unavailable` where sealer fails. The store is then as it was.
    package func run(_ build: LiteBuild, in writer: StoreWriter) throws(Failure) -> LiteBuild.Outcome {
        let base = try build.baseImage { (reference) throws(Failure) in
            try writer.store.image(named: reference, for: build.platform)
        }
        try build.checkCount(base.layers.count + build.kubefile.instructions.count - 1)
        guard try AuthImageList(in: build.context).mentions.isEmpty else {
            throw build.refuse(
                "sealer would ship imageListWithAuth.yaml, and its passwords, in the image",
                remedy: "use the native builder, which leaves it out")
        }
        try build.prove()
        let (folder, context) = (try writer.stagingFolder(), try writer.stagingFolder())
        do throws(Failure) {
            try Layer.write(build.context, into: context)
            let place = SealerSandbox(folder: folder, store: writer.store)
            try place.prepare(base: base, platform: build.platform)
            let output = try File.create("\(folder)/output", exclusive: true)
            let status = try start(build, place: place, base: base, context: context, output: output)
            guard status == 0 else {
                throw Failure(
                    .unavailable, "build \(build.name) with", program,
                    because: "it ended with status \(status); \(try RunLayer.end(of: output))",
                    remedy: Self.remedy)
            }
            let outcome = try SealerOutput(place: place, build: build, base: base, program: program)
                .taken(into: writer)
            for folder in [folder, context] { try writer.discard(folder) }
            return outcome
        } catch {
            for folder in [folder, context] { try? writer.discard(folder) }
            throw error
        }
    }

    /// Runs sealer and gives its exit status.
    private func start(
        _ build: LiteBuild, place: SealerSandbox, base: SealerImage, context: String, output: File
    ) throws(Failure) -> Int32 {
        let network = SealerNetwork(build.images.map(\.reference), registry: build.registry)
        try AtomicWrite.write(Array(network.hosts.utf8), to: place.hosts)
        var arguments = [
            SealerSandbox.program, "build", "--mode", "lite", "--no-cache", "-f",
            "\(SealerSandbox.context)/Kubefile",
            "-t", build.name.description, "--platform", "\(build.platform.os)/\(build.platform.architecture)",
        ]
        for (key, value) in build.arguments.sorted(by: { $0.key < $1.key }) {
            arguments += ["--build-arg", "\(key)=\(value)"]
        }
        arguments.append(SealerSandbox.context)
        let environment = [
            "PATH": "\(SealerSandbox.bin):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/tmp/home",
        ]
        let (words, program, layers) = (arguments, program, base.layerIDs)
        // Once it has a process namespace the thread of the isolation can start no thread, and a server needs some.
        let helper = try HelperThread()
        return try Namespaces(operation: "start \(program) for", artifact: build.name.description).run {
            (isolation) throws(Failure) in
            try place.mount(layers, program: program, context: context, isolation: isolation)
            let sockets = try network.sockets(isolation)
            // An array's elements may go, and close, right after its last use.
            let descriptors = sockets.map(\.descriptor)
            let stop = try withExtendedLifetime(sockets) { () throws(Failure) in
                try helper.run { () throws(Failure) in try serve(descriptors) }
            }
            defer { try? helper.run { () throws(Failure) in stop() } }
            return try isolation.start(words, environment: environment, output: output)
        }
    }
}

/// The names and ports by which a build may ask for images, all of them this host's loopback.
struct SealerNetwork {
    /// The text of the hosts file.
    let hosts: String
    /// Where to listen.
    let ports: [UInt16]

    init(_ images: [Reference], registry: String?) {
        var names: Set<String> = ["localhost"]
        // sealer tries https and, refused there, http.
        var ports: Set<UInt16> = [80]
        for domain in images.map(\.domain) + [registry].compactMap(\.self) {
            guard let place = try? HostPort(domain) else { continue }
            // An address needs no line in a file of names.
            if !place.isIPv6 { names.insert(place.host) }
            if let port = place.port { ports.insert(port) }
            if place.host == "docker.io" { names.insert("registry-1.docker.io") }
        }
        hosts = names.sorted().map { "127.0.0.1 \($0)\n" }.joined()
        self.ports = ports.sorted()
    }

    /// A socket bound to each port of the loopback of this thread's namespace.
    func sockets(_ isolation: Namespaces) throws(Failure) -> [File] {
        var sockets: [File] = []
        for port in ports {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw Failure.system("listen on", artifact: "port \(port)") }
            let socket = File(taking: descriptor, path: "port \(port)")
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try isolation.check(code, step: "listen on port \(port)")
            sockets.append(socket)
        }
        return sockets
    }
}
