import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// Ways out of a RUN that are known: each test fails where one succeeds.
@Suite(.enabled(if: isRoot)) struct RunEscapeTests {
    /// Runs a command in an empty tree and gives the folder of what it wrote.
    static func run(
        _ command: String, in scratch: Scratch, limits: RunLimits = RunLimits(), hidden: [String] = []
    ) throws -> String {
        let (upper, work) = (scratch("upper"), scratch("scratch"))
        for folder in [upper, work] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        let run = RunLayer(
            lower: [], command: command, time: 0, isolation: Namespaces(operation: "run", artifact: "a test"),
            limits: limits, hidden: hidden)
        try run.run(into: upper, scratch: work)
        return upper
    }

    /// What the command says on its standard output.
    static func said(_ command: String) throws -> String {
        let scratch = try Scratch()
        return try StoreTests.text("\(run("(\(command)) > said 2>&1 || true", in: scratch))/said")
    }

    @Test func theRootsOfOtherProcessesAreOutOfReach() throws {
        let scratch = try Scratch()
        try Golden.run("touch", scratch("secret"))
        let said = try Self.said(
            "for p in /proc/[0-9]*; do ls $p/root\(scratch("secret")) $p/cwd\(scratch("secret")); done 2>/dev/null; ls -d /proc/[0-9]* | wc -l; ls /proc/1/root/etc/shadow"
        )
        #expect(!said.contains("secret\n"))
        let count = try #require(said.split(separator: "\n").first { Int($0) != nil }.flatMap { Int($0) })
        #expect(count < 6, "a process namespace of its own: \(said)")
        #expect(said.contains("shadow': Permission denied"), "\(said)")
    }

    @Test func nsenterAndUnshareAreRefused() throws {
        let said = try Self.said(
            "nsenter -t $$ -m true; nsenter -t $$ -a true; unshare -m true; unshare -U true; unshare -r mount -t tmpfs x /tmp"
        )
        #expect(said.components(separatedBy: "not permitted").count - 1 >= 5, "\(said)")
    }

    @Test func noMountIsMadeChangedOrTakenAway() throws {
        let scratch = try Scratch()
        try Golden.run("touch", "/tmp/sealift-host-marker")
        defer { unlink("/tmp/sealift-host-marker") }
        let before = try StoreTests.text("/proc/self/mountinfo")
        let said = try Self.said(
            """
            mount -o remount,rw /; mount -o remount,rw,bind /usr; umount -l /tmp; umount -l /usr; umount /tmp/rootfs; \
            mount --bind / /tmp; mount -t proc proc /proc; mount -t sysfs s /tmp; mount -t cgroup2 c /tmp; ls /tmp; \
            touch /usr/x /etc/x /bin/x /x /dev/x /proc/sys/kernel/x
            """)
        #expect(!said.contains("sealift-host-marker"))
        for place in ["/usr/x", "/etc/x", "/x", "/dev/x"] {
            #expect(!FileManager.default.fileExists(atPath: place))
            #expect(said.contains("'\(place)': Read-only file system"), "\(place): \(said)")
        }
        #expect(said.components(separatedBy: "mount: ").count > 8, "\(said)")
        #expect(try StoreTests.text("/proc/self/mountinfo") == before)
        _ = scratch
    }

    @Test func theOperatorsTerminalIsOutOfReach() throws {
        let said = try Self.said(
            """
            (: > /dev/tty); ls -d /dev/pts /dev/ptmx /dev/console /dev/tty1; tty; ps -o tty= -p $$; cut -d' ' -f6,7 /proc/self/stat; \
            python3 -c "
            import fcntl
            for request in (0x5412, 0x541C):
                try: fcntl.ioctl(0, request, b'x')
                except OSError as error: print('ioctl', error.errno)
            "
            """.replacing("\n            ", with: "\n"))
        #expect(said.contains("/dev/tty: Read-only") || said.contains("cannot create /dev/tty"), "\(said)")
        #expect(said.components(separatedBy: "No such file").count - 1 >= 4, "\(said)")
        #expect(said.contains("not a tty"))
        #expect(said.contains("1 0\n"), "its own session, without a terminal: \(said)")
        #expect(said.contains("ioctl 1\nioctl 1"), "TIOCSTI and TIOCLINUX are refused by the filter: \(said)")
    }

    @Test func noDeviceOfTheHostIsThereOrCanBeMade() throws {
        let said = try Self.said(
            "ls -A /dev; mknod disk b 8 0; mknod /tmp/mem c 1 1; cat disk | head -c 1; ls /sys; ls /dev/disk /dev/kmsg /dev/mem"
        )
        let names = said.split(separator: "\n").prefix(10).map(String.init)
        #expect(
            names == ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"],
            "\(said)")
        #expect(said.components(separatedBy: "not permitted").count - 1 == 2, "\(said)")
    }

    /// They are the host's own files: with another mode, other programs cannot open them.
    @Test func theHostsDevicesKeepTheirOwnersAndModes() throws {
        let names = Confinement.devices.map { "/dev/\($0)" }
        let look = { try Golden.run("sh", "-c", "stat -c '%n %a %u:%g %Y' \(names.joined(separator: " "))") }
        let before = try look()
        defer {
            for name in names { chmod(name, 0o666) }
        }
        let said = try Self.said(
            """
            for f in \(names.joined(separator: " ")) /proc/keys /proc/kmsg; do chmod 0664 $f; chown 12:12 $f; touch -d 2001-01-01 $f; done; \
            python3 -c "
            import os
            for number in range(3):
                try: os.fchmod(number, 0o664)
                except OSError as error: print('fchmod', error.errno)
            os.write(os.open('/dev/null', os.O_RDWR), b'x'); print('written')
            "
            """.replacing("\n            ", with: "\n"))
        #expect(try look() == before)
        #expect(said.components(separatedBy: "Read-only file system").count - 1 >= 3 * names.count, "\(said)")
        #expect(said.hasSuffix("fchmod 30\nwritten\n"), "its output is its own, its input is not: \(said)")
    }

    /// The first process of its namespace is a copy of sealift, with what that has in memory.
    @Test func nothingOfSealiftIsReadOrStopped() throws {
        let said = try Self.said(
            """
            cat /proc/1/environ; ls -l /proc/1/exe; head -c 1 /proc/1/mem; kill -9 1; kill -STOP 1; \
            python3 -c "
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            pid = libc.syscall(434, 1, 0)
            print('getfd', libc.syscall(438, pid, 0, 0), ctypes.get_errno())
            buffer = ctypes.create_string_buffer(8)
            print('read', libc.process_vm_readv(1, 0, 0, 0, 0, 0), ctypes.get_errno())
            "; echo still here
            """.replacing("\n            ", with: "\n"))
        for file in ["/proc/1/environ:", "'/proc/1/exe':", "'/proc/1/mem' for reading:"] {
            #expect(said.contains("\(file) Permission denied"), "\(file) \(said)")
        }
        #expect(said.hasSuffix("getfd -1 1\nread -1 1\nstill here\n"), "\(said)")
    }

    /// A device or a setuid program that comes in a layer is only a file there.
    @Test func devicesAndSetuidProgramsOfTheTreeDoNothing() throws {
        let scratch = try Scratch()
        try Golden.run("mkdir", "-p", scratch("low"))
        try Golden.run("mknod", scratch("low/zero"), "c", "1", "5")
        try Golden.run(
            "sh", "-c", "cp /usr/bin/id '\(scratch("low/id"))' && chmod 4755 '\(scratch("low/id"))'")
        for folder in ["upper", "scratch"] { try Golden.run("mkdir", scratch(folder)) }
        let run = RunLayer(
            lower: [scratch("low")],
            command:
                "(head -c 1 zero; setpriv --reuid 65534 --clear-groups ./id -u; grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status) > said 2>&1 || true",
            time: 0, isolation: Namespaces(operation: "run", artifact: "a test"))
        try run.run(into: scratch("upper"), scratch: scratch("scratch"))
        let said = try StoreTests.text(scratch("upper/said"))
        #expect(said.contains("zero' for reading: Permission denied"), "\(said)")
        #expect(said.contains("\n65534\n"), "setuid has no effect: \(said)")
        #expect(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "\(said)")
        #expect(said.components(separatedBy: "00000000800400fb").count - 1 == 2, "its capabilities: \(said)")
    }

    @Test func secretsDoNotGetIntoALayer() throws {
        let scratch = try Scratch()
        let top = try Self.run(
            "cp -r /etc/shadow /etc/gshadow /etc/ssh /etc/ssl/private /etc/sealift /etc/kubernetes /root /home /var /run . 2>errors; ls -A / /etc > listing; env > environment; ls /proc/self/fd > open; true",
            in: scratch)
        let names = try FileManager.default.contentsOfDirectory(atPath: top).sorted()
        #expect(names == ["environment", "errors", "listing", "open"])
        let listing = try StoreTests.text("\(top)/listing")
        for name in [
            "shadow", "gshadow", "ssh", "sealift", "root", "home", "var", "run", "sys", "boot", "srv", "mnt",
        ] {
            #expect(!listing.split(separator: "\n").contains(Substring(name)), "\(name) is there")
        }
        let environment = try StoreTests.text("\(top)/environment").split(separator: "\n").map {
            $0.prefix { $0 != "=" }
        }
        #expect(
            Set(environment).isSubset(of: [
                "PATH", "HOME", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "PWD", "OLDPWD", "SHLVL", "_",
            ]))
        #expect(try StoreTests.text("\(top)/open").split(separator: "\n").count <= 5)
    }

    @Test func sealiftsOwnFoldersAreHidden() throws {
        let scratch = try Scratch()
        let store = "/usr/local/share/sealift-test-\(UUID())"
        try Golden.run("mkdir", "-p", "\(store)/data")
        defer { try? FileManager.default.removeItem(atPath: store) }
        let top = try Self.run("ls -A \(store) > seen", in: scratch, hidden: [store])
        #expect(try StoreTests.text("\(top)/seen") == "")
    }

    @Test func theKernelsSettingsStay() throws {
        let pattern = try StoreTests.text("/proc/sys/kernel/core_pattern")
        let said = try Self.said(
            "(echo '|/tmp/x' > /proc/sys/kernel/core_pattern); (echo b > /proc/sysrq-trigger); (echo 1 > /proc/sys/kernel/sysrq); cat /proc/kcore /proc/kmsg /proc/kpagecount /proc/kpageflags /proc/vmallocinfo /proc/slabinfo | head -c 1 | wc -c; hostname evil; date -s 2001-01-01; dmesg; swapoff -a; ulimit -c"
        )
        #expect(try StoreTests.text("/proc/sys/kernel/core_pattern") == pattern)
        #expect(said.components(separatedBy: "cannot create").count - 1 == 3, "\(said)")
        #expect(said.hasSuffix("\n0\n"), "no core dumps: \(said)")
    }

    /// Calls that no program of the host makes by itself: all are refused by the filter.
    @Test func dangerousSystemCallsAreRefused() throws {
        let said = try Self.said(
            """
            python3 -c "
            import ctypes, platform
            libc = ctypes.CDLL(None, use_errno=True)
            x86 = platform.machine() == 'x86_64'
            calls = {'mount': 165 if x86 else 40, 'setns': 308 if x86 else 268, 'unshare': 272 if x86 else 97, 'bpf': 321 if x86 else 280,
                     'open_by_handle_at': 304 if x86 else 265, 'keyctl': 250 if x86 else 219, 'perf': 298 if x86 else 241,
                     'ptrace': 101 if x86 else 117, 'io_uring': 425, 'open_tree': 428, 'fsopen': 430, 'mount_setattr': 442, 'userfaultfd': 323 if x86 else 282}
            for name, number in calls.items():
                ctypes.set_errno(0)
                print(name, libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno())
            ctypes.set_errno(0); print('clone3', libc.syscall(435, 0, 0), ctypes.get_errno())
            ctypes.set_errno(0); print('clone', libc.syscall(56 if x86 else 220, 0x10000011, 0, 0, 0, 0), ctypes.get_errno())
            ctypes.set_errno(0); print('vsock', libc.socket(40, 1, 0), ctypes.get_errno())
            ctypes.set_errno(0); print('new', libc.syscall(500), ctypes.get_errno())
            for signal in (0, 15, 17): ctypes.set_errno(0); print('outlive', libc.prctl(1, signal), ctypes.get_errno())
            print('with', libc.prctl(1, 9), libc.prctl(15, b'named'))
            "
            """.replacing("\n            ", with: "\n"))
        let lines = said.split(separator: "\n")
        #expect(lines.count == 21, "\(said)")
        #expect(lines.last == "with 0 0", "other uses of prctl: \(said)")
        for line in lines.dropLast() {
            let name = line.prefix { $0 != " " }
            let code = ["clone3": 38, "new": 38, "vsock": 97][String(name)] ?? 1
            #expect(line.hasSuffix(" -1 \(code)"), "\(line)")
        }
    }

    @Test func nothingRunsOnAndNoNetworkIsThere() throws {
        let number = 86_000 + Int.random(in: 0..<300)
        let said = try Self.said(
            "(setsid sleep \(number) &) ; cat /proc/net/route | wc -l; ls /run/docker.sock /var/run; python3 -c \"import socket; socket.create_connection(('1.1.1.1', 53), 2)\""
        )
        #expect(said.hasPrefix("1\n"), "\(said)")
        #expect(said.contains("unreachable"), "\(said)")
        #expect(try Golden.run("sh", "-c", "pgrep -f 'slee[p] \(number)' || echo none").trimmed == "none")
    }

    /// A socket without a file, a second root, another name for a file of the host.
    @Test func namesOfTheHostAreOutOfReach() throws {
        let name = "sealift-test-\(UUID().uuidString)"
        let server = Process()
        server.executableURL = URL(filePath: "/usr/bin/python3")
        let script =
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind('\\0' + sys.argv[1]); s.listen(); print('up', flush=True); sys.stdin.read()"
        server.arguments = ["-c", script, name]
        let (input, output) = (Pipe(), Pipe())
        (server.standardInput, server.standardOutput) = (input, output)
        try server.start()
        defer {
            try? input.fileHandleForWriting.close()
            server.waitUntilExit()
        }
        #expect(try output.fileHandleForReading.read(upToCount: 3) == Data("up\n".utf8))
        let said = try Self.said(
            """
            python3 -c "
            import os, socket
            try: socket.socket(socket.AF_UNIX).connect('\\0\(name)'); print('connected')
            except OSError as error: print('socket', error.errno)
            for path in ('/etc/passwd', '/usr/bin/env', '/proc/self/exe'):
                try: os.link(path, 'own'); print('linked', path)
                except OSError as error: print('link', error.errno)
            print('parent', os.getppid() < 20)
            os.mkdir('jail'); above = os.open('.', os.O_RDONLY); os.chroot('jail'); os.fchdir(above)
            for _ in range(64): os.chdir('..')
            os.chroot('.'); print(sorted(set(os.listdir('/')) & {'root', 'home', 'var', 'boot', 'sys', 'srv', 'usr'}))
            "
            """.replacing("\n            ", with: "\n"))
        #expect(said == "socket 111\nlink 18\nlink 18\nlink 18\nparent True\n['usr']\n", "\(said)")
    }

    @Test(arguments: [
        ("sleep 60", "more than 1 seconds"),
        ("for i in $(seq 300); do sleep 60 & done; wait", "more than 50 processes"),
        ("head -c 3000000 /dev/zero > large", "status"),
        ("seq 3000 | xargs touch; sleep 60", "room for less than"),
        ("head -c 400000000 /dev/zero > large; sleep 60", "bytes free"),
        ("python3 -c \"x = b'1' * (1 << 29); import time; time.sleep(60)\"", "nearly all memory"),
        ("seq 3000 | xargs touch; sleep 60", "more than 2000 files"),
        ("for n in $(seq 9); do truncate -s 999999 hole$n; done", "holes included"),
    ])
    func limitsHold(_ command: String, _ reason: String) throws {
        let scratch = try Scratch()
        var limits = RunLimits()
        limits.largestFile = 1 << 20
        if reason.hasPrefix("holes") { limits.largestTree = 8_000_000 }
        (limits.seconds, limits.threads) = command.hasPrefix("for") ? (30, 50) : (1, 4096)
        if ["room", "free", "memory", "files"].contains(where: { reason.contains($0) }) {
            limits = RunLimits()
            limits.seconds = 60
            var status = statvfs()
            try #require(statvfs(scratch.path, &status) == 0 && status.f_favail > 3000)
            if reason.hasPrefix("room") { limits.freeFiles = UInt64(status.f_favail) - 2000 }
            if reason.hasSuffix("free") {
                limits.freeSpace = Int64(status.f_bavail) * Int64(status.f_frsize) - 200_000_000
            }
            if reason.hasSuffix("memory") { limits.memoryPart = 0.995 }
            if reason.hasSuffix("files") { limits.mostFiles = 2000 }
        }
        let failure = #expect(throws: Failure.self) { try Self.run(command, in: scratch, limits: limits) }
        #expect(
            failure?.reason.contains(reason) == true || failure?.reason.contains("signal 25") == true,
            "\(failure as Any)")
    }
}
