# SPDX-License-Identifier: Apache-2.0
"""The carried tool on hosts that have nothing of it: an empty root, and Debian 11, 12 and 13.

Debian's roots are made by debootstrap when TEST_ROOTS=1: some minutes each, mostly downloads. Nothing is kept."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import contents
from harness import Skipped, call, case, equal, require, serving, sha256
from tool_cases import collect, static

NAME = "kubernetes-rawdocker:v1.19.8"


class Root:
    """A host of its own: a root folder with /proc, processes of its own, and the network of this machine."""

    def __init__(self, path):
        self.path = path
        (path / "proc").mkdir(exist_ok=True)

    def command(self, *words):
        start = 'mount -t proc proc "$0/proc" && cd "$0" && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . "$@"'
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child=TERM", "sh", "-c", start, self.path,
                *map(str, words)]

    def run(self, *words):
        return call(*self.command(*words), timeout=600)

    @contextlib.contextmanager
    def serving(self, *words):
        """`serve` inside the root; gives its port."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self.path / "serve.log"
        with open(log, "w") as err:
            server = subprocess.Popen(self.command("/sealift", "serve", *words, "--listen", f"127.0.0.1:{port}"),
                                      stderr=err, stdin=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if "\nserving " in "\n" + log.read_text():
                    break
                require(server.poll() is None, log.read_text())
                time.sleep(0.05)
            yield port
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait(timeout=60)


def medium(world):
    """A folder with one bundle, which carries the static executable."""
    folder = world.work / "roots-medium"
    if not folder.exists():
        folder.mkdir()
        collect(world, folder / "k8s.sealift", "--tool", static(world))
    return folder


def prove(world, root):
    """Everything that an isolated host does, by the carried tool and nothing else of ours; ids as recorded."""
    recorded = json.loads(world.ok("inspect", medium(world) / "k8s.sealift", "--json").out)
    wanted = {(image["name"], image["id"]) for image in recorded["outcome"]["images"]}
    require(wanted, "the bundle records no outcome")
    shutil.copy(medium(world) / "k8s.sealift", root.path)
    if (root.path / "usr/bin/tar").exists() or (root.path / "bin/tar").exists():
        root.run("tar", "-xf", "k8s.sealift", "sealift")
    else:
        call("tar", "-xf", "k8s.sealift", "sealift", cwd=root.path)
    tool = "/sealift"
    equal(root.run(tool, "--version").splitlines()[2], f"platform {world.own}, static", "linking")
    root.run(tool, "verify", "k8s.sealift")
    require(NAME in root.run(tool, "inspect", "k8s.sealift"), "inspect shows no build")
    receipt = json.loads(root.run(tool, "apply", "k8s.sealift", "--store", "/store", "--json"))
    equal({(image["name"], image["id"]) for image in receipt["images"]}, wanted, "ids of images")
    root.run(tool, "store", "check", "--store", "/store")
    root.run(tool, "export", "k8s.sealift", "registry:2.7.1", "-o", "/registry.tar", "--platform", world.own)
    call("skopeo", "inspect", f"docker-archive:{root.path}/registry.tar")
    with root.serving("k8s.sealift", "--tls-self-signed", "sea.hub") as port:
        def fetch(path, *options):
            return call("curl", "-fsS", "--cacert", root.path / "sea.hub.crt", "--resolve",
                        f"sea.hub:{port}:127.0.0.1", f"https://sea.hub:{port}{path}", *options)

        require("calico/node" in fetch("/v2/_catalog"), "the catalog lacks an image")
        fetch("/files/sealift", "-o", root.path / "fetched")
    equal(sha256(root.path / "fetched"), sha256(root.path / "sealift"), "the tool that serve offers")
    folder = world.folder("roots-registry")
    with serving(world, folder, folder / "data") as place:
        # By a name, so that the tool resolves it as this root can.
        place = place.replace("127.0.0.1", "localhost")
        (root.path / "etc").mkdir(exist_ok=True)
        (root.path / "etc/hosts").write_text("127.0.0.1 localhost\n")
        root.run(tool, "push", "k8s.sealift", "--to", f"{place}/site", "--insecure", place)
        call("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}/site/{contents.CALICO[2]}")


@case
def the_tool_works_in_an_empty_root(world):
    """verify, inspect, apply, store check, export, serve over TLS and push, where there is only the bundle and /proc."""
    static(world)
    prove(world, Root(world.folder("root-empty")))


@contextlib.contextmanager
def name_server(names):
    """A DNS server that knows the IPv4 addresses of `names` and nothing else; gives its address and what it was asked."""
    asked = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.77", 53))

        def answer():
            while len(query := (received := server.recvfrom(512))[0]) > 12:
                labels, at = [], 12
                while query[at]:
                    labels.append(query[at + 1:at + 1 + query[at]].decode())
                    at += 1 + query[at]
                name, kind, question = ".".join(labels), query[at + 1:at + 3], query[12:at + 5]
                asked.add(name)
                found = names.get(name) if kind == b"\0\1" else None
                record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(found) if found else b""
                flags = b"\x81\x80" if name in names else b"\x81\x83"
                server.sendto(query[:2] + flags + b"\0\1" + bytes([0, bool(found)]) + b"\0\0\0\0" + question + record, received[1])

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield "127.0.0.77", asked
        finally:
            server.sendto(b"end", ("127.0.0.77", 53))
            thread.join()


@case
def the_tool_asks_dns_for_names(world):
    """Where there is only /etc/resolv.conf, names are asked of DNS, and one that is not known is an error that names it."""
    tool, root = static(world), Root(world.folder("root-dns"))
    shutil.copy(tool, root.path / "sealift")
    (root.path / "etc").mkdir()
    port = world.said["web"].rsplit(":", 1)[1]
    path = world.upstream_folder / "www/dns"
    path.write_text("content\n")
    with name_server({"files.site.test": "127.0.0.1"}) as (address, asked):
        (root.path / "etc/resolv.conf").write_text(f"nameserver {address}\nsearch site.test\n")
        for name, host in [("full", "files.site.test"), ("short", "files"), ("unknown", "nothing.site.test")]:
            (root.path / f"{name}.yaml").write_text(f"version: 1\nname: dns\nplatforms: [{world.own}]\nfiles:\n"
                                                    f"  it: {{ url: 'http://{host}:{port}/dns' }}\n")
            words = root.command("/sealift", "collect", f"{name}.yaml", "--no-tool", "--insecure", f"{host}:{port}")
            told = subprocess.run(list(map(str, words)), text=True, capture_output=True)
            equal(told.returncode, 69 if name == "unknown" else 0, f"code with {host}: {told.stderr}")
        require(f"the name of nothing.site.test:{port} is not known" in told.stderr, told.stderr)
        require(asked >= {"files.site.test", "nothing.site.test"}, f"DNS was asked for {asked}")


def debian(world, suite):
    if os.environ.get("TEST_ROOTS") != "1":
        raise Skipped("TEST_ROOTS=1 makes roots of Debian 11, 12 and 13")
    if not shutil.which("debootstrap"):
        raise Skipped("debootstrap is not installed")
    static(world)
    mirror = call("apt-get", "indextargets", "--format", "$(REPO_URI)").splitlines()[0]
    root = world.folder(f"root-{suite}")
    made = subprocess.run(["debootstrap", "--variant=minbase", suite, root, mirror], capture_output=True, text=True)
    if "Release" in made.stdout + made.stderr and made.returncode != 0:
        raise Skipped(f"the archive has no {suite}: {made.stderr[-200:]}")
    equal(made.returncode, 0, f"debootstrap: {made.stdout[-2000:]}{made.stderr[-2000:]}")
    prove(world, Root(root))
    shutil.rmtree(root)


@case
def the_tool_works_on_debian_11(world):
    """The same on Debian 11, whose glibc is older than that of the build."""
    debian(world, "bullseye")


@case
def the_tool_works_on_debian_12(world):
    """The same on Debian 12 without any library of the build."""
    debian(world, "bookworm")


@case
def the_tool_works_on_debian_13(world):
    """The same on Debian 13, whose glibc is newer."""
    debian(world, "trixie")
