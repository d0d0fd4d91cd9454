# SPDX-License-Identifier: Apache-2.0
"""collect and its upstream: many places, lists of checksums, logins, the environment, events, hostile servers."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import subprocess
import sys

import images
from harness import ROOT, call, case, equal, require, serving

SECRET = "a-very-secret-word"


def web_file(world, name, content):
    """Puts a file on the upstream's web server; gives its URL."""
    path = world.upstream_folder / "www" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"{world.said['web']}/{name}"


def file_spec(world, folder, lines):
    """A spec with one file, described by `lines`."""
    return world.spec(folder, f"version: 1\nname: net\nplatforms: [{world.own}]\nfiles:\n  it:\n"
                      + "".join(f"    {line}\n" for line in lines))


def web_host(world):
    return world.said["web"].removeprefix("http://")


def nobody():
    """host:port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return "127.0.0.1:%d" % held.getsockname()[1]


@case
def files_are_asked_for_in_order(world):
    """URLs of the spec and mirrors are tried in order: no listener, nothing there, other content, and then the right one."""
    folder = world.folder("in-order")
    content = b"the right content\n" * 1000
    web_file(world, "order/c/it", content)
    web_file(world, "order/b/it", content[::-1])
    web, dead = world.said["web"], nobody()
    spec = file_spec(world, folder, [f"url: ['http://{dead}/it', '{web}/order/none/it', '{web}/order/c/it']",
                                     f"sha256: {hashlib.sha256(content).hexdigest()}"])
    options = ["--insecure", web_host(world), "--insecure", dead]
    world.ok("collect", spec, "-o", folder / "urls", *options)
    spec = file_spec(world, folder, [f"url: {web}/order/nowhere/it", f"sha256: {hashlib.sha256(content).hexdigest()}"])
    mirrors = [part for name in ("none", "b", "c")
               for part in ("--mirror", f"{web}/order/nowhere={web}/order/{name}")]
    log = world.upstream_folder / "nginx-access.log"
    mark = log.stat().st_size
    world.ok("collect", spec, "-o", folder / "mirrors", *mirrors, *options)
    asked = re.findall(r'"GET /order/(\w+)/it', log.read_text()[mark:])
    equal(asked[-3:], ["none", "b", "c"], "the order of the mirrors")
    equal(world.run("collect", spec, "-o", folder / "none", *mirrors[:4], *options).code, 65, "without the right one")
    require(not (folder / "none").exists(), "wrong content got the bundle's name")


@case
def checksum_lists_of_the_usual_tools_are_obeyed(world):
    """Lists written by sha256sum (text, binary, --tag) and openssl name the digest; another content is refused."""
    folder = world.folder("sums")
    url = web_file(world, "sums/it", b"content")
    place = world.upstream_folder / "www/sums"
    lists = [call("sha256sum", *options, "it", cwd=place) for options in ([], ["--binary"], ["--tag"])]
    lists.append("SHA256(it)= " + hashlib.sha256(b"content").hexdigest() + "\n")
    for number, text in enumerate([*lists, lists[0].replace(lists[0][0], "e" if lists[0][0] != "e" else "f", 1)]):
        sums = web_file(world, "sums/list", text.encode())
        spec = file_spec(world, folder, [f"url: {url}", f"sha256sums: {sums}"])
        told = world.run("collect", spec, "-o", folder / f"{number}.sealift", "--insecure", web_host(world))
        equal(told.code, 0 if number < len(lists) else 65, f"exit code with the list {text!r}: {told}")
    require(not (folder / f"{len(lists)}.sealift").exists(), "wrong content got the bundle's name")


@case
def secrets_stay_where_they_are(world):
    """With a login, collect says and writes nothing of the password, and shows it in no process list."""
    folder = world.folder("secrets")
    (folder / "htpasswd").write_text(call("htpasswd", "-nbB", "user", SECRET))
    locked = f"auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}\n"
    encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
    with serving(world, folder, world.upstream_folder / "registry", locked) as address:
        (folder / "auth.json").write_text(json.dumps({"auths": {address: {"auth": encoded}}}))
        spec = world.spec(folder, f"version: 1\nname: net\nplatforms: [{world.own}]\n"
                          f"images:\n  - {address}/docker.io/calico/node:v3.19.1\n")
        login = {"REGISTRY_AUTH_FILE": str(folder / "auth.json")}
        options = [spec, "-o", folder / "net.sealift", "--insecure", address]
        world.ok("lock", spec, "--insecure", address, environment=login)
        told = world.ok("collect", *options, environment=login)
        (folder / "net.sealift").rename(folder / "first.sealift")
        refused = world.run("collect", *options, environment={"REGISTRY_AUTH_FILE": ""})
        equal(refused.code, 77, "exit code without the login")
        require("podman login" in refused.err, f"no remedy: {refused}")
        running = subprocess.Popen([world.sealift, "collect", *options], env={**login, "HOME": str(folder)},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(f"/proc/{running.pid}/cmdline", "rb") as line:
            seen = line.read().decode()
        running.wait()
    texts = [told.out, told.err, refused.err, seen, *(path.read_bytes().decode("latin-1") for path in folder.iterdir()
             if path.name not in ("auth.json", "htpasswd") and path.is_file())]
    for word in (SECRET, encoded):
        require(not any(word in text for text in texts), "a secret is told")


@case
def environment_gives_any_option(world):
    """SEALIFT_NAME is --name of every command that has it; the command line weighs more; a misspelt one is told."""
    folder = world.folder("environment")
    first = web_file(world, "environment/it", b"content")
    spec = file_spec(world, folder, [f"url: {first}"])
    output = folder / "with space.sealift"
    given = {"SEALIFT_INSECURE": f"{nobody()} {web_host(world)}", "SEALIFT_OUTPUT": str(output),
             "SEALIFT_JSON": "true", "SEALIFT_STORE": "/nowhere", "SEALIFT_OUTPTU": "x"}
    told = world.ok("collect", spec, environment=given)
    equal(json.loads(told.out)["path"], str(output), "the path in the JSON")
    require("SEALIFT_OUTPTU" in told.err and "SEALIFT_STORE" not in told.err, f"what is told of variables: {told}")
    world.ok("collect", spec, "-o", folder / "other", environment=given)
    require((folder / "other").exists(), "the command line weighs less than the environment")
    refused = world.run("collect", spec, environment={**given, "SEALIFT_JOBS": "none"})
    equal(refused.code, 64, "exit code of a wrong value")
    require("SEALIFT_JOBS" in refused.err, f"the variable is not named: {refused}")


@contextlib.contextmanager
def misbehaving(folder):
    """The web server of the unit tests that misbehaves as its path says; gives host:port."""
    call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other.example",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    with subprocess.Popen([sys.executable, ROOT / "Tests/RegistryTests/Servers/misbehave.py", folder / "cert.pem",
                           folder / "key.pem"], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield ["127.0.0.1:" + port for port in server.stdout.readline().split()]
        finally:
            server.terminate()


def pattern():
    """What that server calls its content."""
    return b"".join(hashlib.sha256(b"one %d" % number).digest() * 32 for number in range(1024))


@case
def hostile_servers_leave_no_bundle(world):
    """Whatever a server does to a file, collect ends with the right bytes, or with a clear error and no bundle."""
    folder = world.folder("hostile")
    digest = hashlib.sha256(pattern()).hexdigest()
    ends = {"good": 0, "cut": 0, "no-range": 0, "changed": 0, "changed-unsaid": 0, "other-part": 0, "wrong-once": 0,
            "wrong": 65, "gzip": 65, "chunked-short": (65, 69), "loop": 69, "forbidden": 77, "busy-long": 69}
    with misbehaving(folder) as (plain, _, secure):
        for kind, codes in ends.items():
            spec = file_spec(world, folder, [f"url: http://{plain}/file/{kind}/{kind}", f"sha256: {digest}"])
            target = folder / f"{kind}.sealift"
            told = world.run("collect", spec, "-o", target, "--insecure", plain)
            require(told.code in (codes if isinstance(codes, tuple) else (codes,)), f"{kind}: wanted {codes}: {told}")
            equal(target.exists(), told.code == 0, f"whether there is a bundle after {kind}")
            require(told.code == 0 or "→" in told.err, f"no remedy: {told}")
            if told.code == 0:
                world.ok("verify", target)
        # TLS of another name, and plain HTTP, without --insecure.
        for url, code in ((f"https://{secure}/file/good/tls", 69), (f"http://{plain}/file/good/plain", 77)):
            spec = file_spec(world, folder, [f"url: {url}", f"sha256: {digest}"])
            told = world.refused(code, ["--insecure 127.0.0.1"], "collect", spec, "-o", folder / "none.sealift")
            require(not (folder / "none.sealift").exists(), f"a bundle without trust: {told}")


@case
def events_are_json_lines(world):
    """With --json each line on standard error is a JSON object: what begins, waits and ends, notes, and the failure."""
    folder = world.folder("events")
    with misbehaving(folder) as (plain, _, _):
        spec = file_spec(world, folder, [f"url: http://{plain}/file/busy/events",
                                         f"sha256: {hashlib.sha256(pattern()).hexdigest()}"])
        told = world.ok("collect", spec, "-o", folder / "net.sealift", "--insecure", plain, "--json")
        json.loads(told.out)
        events = [json.loads(line) for line in told.err.splitlines()]
        kinds = [event["event"] for event in events]
        require({"note", "started", "waiting", "ended"} <= set(kinds), f"events: {kinds}")
        waited = next(event for event in events if event["event"] == "waiting")
        require("429" in waited["text"] and 0 < waited["seconds"] <= 1, f"the wait: {waited}")
        refused = world.run("collect", spec, "-o", folder / "none/net.sealift", "--insecure", plain, "--json")
        last = json.loads(refused.err.splitlines()[-1])
        equal((last["event"], last["exitCode"]), ("failure", refused.code), "the failure")
        require(last["remedy"] and last["text"] and last["name"], f"the failure: {last}")


@case
def index_within_an_index_is_carried(world):
    """An index nested in an index crosses whole: both indexes and the manifest, byte for byte."""
    folder = world.folder("nested")
    architecture = world.architectures[0]
    made, blobs = images.container(images.OCI, architecture, [images.tar([images.Entry("a", 0o644, b"a")])], ["a"])
    inner = images.index(images.OCI, [(architecture, made)])
    outer = images.index(images.OCI, [(architecture, inner)])
    images.push(images.Image("nested/image:1", outer, [made, inner], blobs), f"http://{world.registry}")
    spec = world.spec(folder, f"version: 1\nname: net\nplatforms: [{world.own}]\nimages:\n"
                      f"  - {world.registry}/nested/image:1\n")
    world.ok("collect", spec, "-o", folder / "net.sealift", "--insecure", world.registry)
    for blob in (outer, inner, made):
        name = "blobs/sha256/" + blob.digest.removeprefix("sha256:")
        equal(call("tar", "-xOf", folder / "net.sealift", name).encode(), blob.data, name)
