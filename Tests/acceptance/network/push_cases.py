# SPDX-License-Identifier: Apache-2.0
"""push: into a real docker-registry, told by its access log and read by skopeo and podman."""

import base64
import collections
import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading

import contents
import odd_registry
from delta_cases import flip
from harness import ROOT, call, case, equal, podman, require, serving, sha256

NODE = contents.CALICO[2]
TOKENS = ROOT / "Tests/RegistryTests/Servers/tokenserver.py"


class Target:
    """A running docker-registry: where it is, and what it was asked for."""

    def __init__(self, place, log):
        self.place, self.log, self.mark = place, log, 0

    def requests(self):
        """(method, path and query, status) since this was asked last."""
        said = self.log.read_text()
        new, self.mark = said[self.mark:], len(said)
        return [(method, path, int(status))
                for method, path, status in re.findall(r'"([A-Z]+) (/v2/\S+) HTTP/[\d.]+" (\d+)', new)]

    def counted(self):
        """How often each method was answered with each status since then."""
        return dict(collections.Counter((method, status) for method, _, status in self.requests()))


@contextlib.contextmanager
def target(world, name, more="", http=""):
    """An empty docker-registry."""
    folder = world.folder(name)
    with serving(world, folder, folder / "data", more, http) as place:
        yield Target(place, folder / "log")


def push(world, target, *options, bundle=None, **more):
    """Pushes the bundle; what --json tells."""
    outcome = world.ok("push", bundle or world.bundle, "--to", f"{target.place}/site", "--insecure", target.place,
                       "--json", *options, **more)
    return json.loads(outcome.out)


def only_asked(target, what, count=None):
    """A run that moved nothing: HEAD requests alone, each found what it asked for, and no more than `count`."""
    counts = target.counted()
    equal(set(counts), {("HEAD", 200)}, what)
    require(count is None or counts["HEAD", 200] <= count, f"{what}: {counts} for {count} images and files")


def manifest(place, name):
    """The digest of what a name points to, as skopeo reads it."""
    raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}/{name}"],
                         capture_output=True, check=True).stdout
    return "sha256:" + hashlib.sha256(raw).hexdigest()


@case
def push_fills_a_registry(world):
    """Every image and file is in the registry with its own digest; shared layers are mounted; a rerun moves nothing."""
    with target(world, "pushed") as registry:
        planned = json.loads(world.ok("push", world.bundle, "--to", f"{registry.place}/site", "--dry-run", "--json",
                                      "--insecure", registry.place).out)
        equal({method for method, _ in registry.counted()}, {"HEAD"}, "methods of a dry run")
        pushed = push(world, registry)
        equal((pushed["uploaded"], pushed["bytes"], pushed["mounted"]),
              (planned["uploads"], planned["bytes"], planned["mounts"]), "what the dry run foretold")
        counts = registry.counted()
        require(pushed["mounted"] > 5, f"few mounts: {pushed['mounted']}")
        # One more shows that the registry says so where it has a blob.
        equal(counts["POST", 201], pushed["mounted"] + 1, "mounts, as the registry tells")
        equal(counts["HEAD", 404], len(pushed["items"]), "questions, one for each tag")
        equal(counts["POST", 202], pushed["uploaded"], "uploads, as the registry tells")
        document = json.loads(world.ok("inspect", world.bundle, "--json").out)
        locked = document["lock"]
        largest = max(file["size"] for file in locked["files"])
        equal(("PATCH", 202) in counts, largest > 64 << 20, f"parts, only above 64 MiB: {counts}")
        for image in locked["images"]:
            path = image["reference"].split("/", 1)[1]
            equal(manifest(registry.place, f"site/{path}"), image["digest"], f"the digest of {path}")
        folder = world.folder("pulled")
        for name in (NODE, "sealer-io/kubernetes:v1.19.8"):
            call("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{registry.place}/site/{name}",
                 f"dir:{folder}/{name.split('/')[0]}")
        for file in locked["files"]:
            name = f"docker-{file['platform'].replace('/', '-')}"
            call("skopeo", "copy", "--src-tls-verify=false",
                 f"docker://{registry.place}/site/files/{name}:v1.19.8", f"dir:{folder}/{name}")
            hexadecimal = file["digest"].split(":")[1]
            equal(sha256(folder / name / hexadecimal), hexadecimal, "the pulled file")
        with podman(folder / "root") as tool:
            call(*tool, "pull", "--tls-verify=false", f"{registry.place}/site/{contents.OPERATOR}")

        registry.requests()
        again = push(world, registry)
        equal([again["uploaded"], again["mounted"], {item["state"] for item in again["items"]}], [0, 0, {"present"}],
              "what a rerun did")
        only_asked(registry, "a rerun", len(again["items"]))
        everything = push(world, registry, "--check-all")
        counts = registry.counted()
        equal(set(counts), {("HEAD", 200)}, "a rerun that asks for all")
        require(counts["HEAD", 200] > everything["present"] > 20, f"{counts} for {everything['present']} blobs")


@case
def push_takes_what_is_asked_for(world):
    """--only, --rewrite and --platform choose and lead; two images of one name are refused with both named."""
    with target(world, "chosen") as registry:
        place = ["--to", f"{registry.place}/site", "--insecure", registry.place]
        pushed = push(world, registry, "--only", "calico/node", "files/*amd64", "--rewrite", "docker.io/calico=net")
        equal([item["reference"].split("/", 1)[1] for item in pushed["items"]],
              [f"site/net/{NODE.split('/')[1]}", "site/files/docker-linux-amd64:v1.19.8"], "names")
        catalog = json.loads(call("curl", "-fsS", f"http://{registry.place}/v2/_catalog"))["repositories"]
        equal(sorted(catalog), ["site/files/docker-linux-amd64", "site/net/node"], "repositories")
        registry.requests()
        world.refused(66, ["nothing in .* matches", "calico/nod'"], "push", world.bundle, *place,
                      "--only", "calico/nod")
        world.refused(78, ["calico/cni:", "calico/typha:", "--rewrite"], "push", world.bundle, *place,
                      "--rewrite", "calico/cni=x", "--rewrite", "calico/typha=x")
        world.refused(66, ["it is there only for", "--only"], "push", world.bundle, *place,
                      "--platform", "linux/s390x")
        world.refused(64, ["neither a dot nor a port"], "push", world.bundle, "--to", "harbor/site")
        equal(registry.requests(), [], "requests of what was refused")


@case
def push_of_some_platforms(world):
    """Where docker-registry refuses an index with gaps, the tag points to the carried platforms and a note says so."""
    if len(world.architectures) < 2:
        return
    with target(world, "narrowed") as registry:
        options = ["--only", NODE, "--platform", world.own]
        outcome = world.ok("push", world.bundle, "--to", f"{registry.place}/site", "--insecure", registry.place,
                           *options)
        require(re.search("takes no index with platforms left out", outcome.err), f"no note: {outcome}")
        require(manifest(registry.place, f"site/{NODE}") == outcome.out.split()[0], "the digest that was told")
        folder = world.folder("narrowed-pull")
        call("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{registry.place}/site/{NODE}",
             f"dir:{folder}")
        narrowed = json.loads((folder / "manifest.json").read_text())["manifests"]
        equal([entry["platform"]["architecture"] for entry in narrowed], [world.own.split("/")[1]], "platforms")
        registry.requests()
        equal([item["state"] for item in push(world, registry, *options)["items"]], ["narrowed"], "state")
        only_asked(registry, "a rerun")
        world.refused(69, ["1 of 2 manifests", "collect every platform"], "push", world.bundle, "--exact", *options,
                      "--to", f"{registry.place}/other", "--insecure", registry.place)
        push(world, registry, "--only", NODE)
        locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
        whole = [image["digest"] for image in locked if image["reference"].endswith(NODE)]
        equal([manifest(registry.place, f"site/{NODE}")], whole, "the whole index, once all is pushed")


class Cutter:
    """A proxy that breaks the connection of the n-th PATCH, once for each (n, bytes let through) of `cuts`."""

    def __init__(self, upstream, cuts):
        self.upstream, self.cuts, self.seen = upstream, dict(cuts), 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                host, port = self.upstream.split(":")
                server = socket.create_connection((host, int(port)))
                threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    def forward(self, client, server):
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                left = None
                if piece.startswith(b"PATCH "):
                    with self.lock:
                        self.seen += 1
                        left = self.cuts.pop(self.seen, None)
                if left == 0:
                    break
                server.sendall(piece)
                while left and left > 0 and (piece := client.recv(65536)):
                    server.sendall(piece)
                    left -= len(piece)
                if left is not None:
                    break
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def back(self, server, client):
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                client.sendall(piece)


@case
def push_goes_on_after_a_cut(world):
    """A connection that breaks between parts resumes where the upload is; one that breaks inside begins again."""
    arguments = ["--only", "files/docker-linux-amd64", "--chunk-size", "8MiB"]
    for cuts, name in (({3: 0}, "between"), ({3: 1 << 20, 9: 2 << 20}, "inside")):
        with target(world, f"cut-{name}") as registry:
            proxy = Cutter(registry.place, cuts)
            outcome = world.ok("push", world.bundle, "--to", f"{proxy.place}/site", "--insecure", proxy.place,
                               *arguments)
            equal(proxy.cuts, {}, "cuts that were not made")
            seen = registry.requests()
            begun = [path for method, path, status in seen if method == "POST"]
            # The empty config and what is learned from it, then the file; distribution cannot tell how far a part came
            # that broke off.
            equal(len(begun), 3 if name == "between" else 5, f"uploads of {name}")
            asked = [status for method, path, status in seen if method == "GET"]
            equal(set(asked), {204} if name == "between" else {404}, f"answers to the question how far it is: {seen}")
            equal(manifest(registry.place, "site/files/docker-linux-amd64:v1.19.8"), outcome.out.split()[0],
                  "the artifact")
            proxy.listener.close()


def login(folder, place, user="user", password="hidden"):
    """An auth file, as an environment."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "auth.json").write_text(json.dumps({"auths": {place: {"auth": text}}}))
    return {"REGISTRY_AUTH_FILE": str(folder / "auth.json")}


@case
def push_logs_in_over_tls(world):
    """A registry with TLS of its own authority and a password: pushed to with both, refused without either."""
    folder = world.folder("login")
    (folder / "htpasswd").write_text(call("htpasswd", "-nbB", "user", "hidden"))
    call("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "ca.pem")
    more = f"auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}\n"
    tls = f", tls: {{certificate: {folder}/ca.pem, key: {folder}/key.pem}}"
    with target(world, "tls", more, tls) as registry:
        arguments = ["push", world.bundle, "--to", registry.place, "--only", "library/*"]
        environment = login(folder, registry.place)
        world.refused(69, ["does not prove its name", "--ca"], *arguments, environment=environment)
        world.refused(77, ["401", "podman login"], *arguments, "--ca", folder / "ca.pem")
        wrong = world.refused(77, ["401"], *arguments, "--ca", folder / "ca.pem",
                              environment=login(folder, registry.place, password="wrong-hidden"))
        require("hidden" not in wrong.err, "the password is in the message")
        registry.requests()
        world.ok(*arguments, "--ca", folder / "ca.pem", environment=login(folder, registry.place))
        require(registry.counted().get(("PUT", 201), 0) > 2, "nothing was pushed")


@case
def push_gets_tokens(world):
    """A token server is asked for pull and push of the repository, and for pull of the one that is mounted from."""
    folder = world.folder("tokens")
    call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens", "-keyout",
         folder / "t.key", "-out", folder / "t.pem")
    with subprocess.Popen([sys.executable, TOKENS, folder / "t.key", folder / "t.pem", "user", "hidden"],
                          stdout=subprocess.PIPE, text=True) as tokens:
        try:
            port = tokens.stdout.readline().strip()
            more = (f"auth: {{token: {{realm: 'http://127.0.0.1:{port}/token', service: here, issuer: tester, "
                    f"rootcertbundle: {folder}/t.pem}}}}\n")
            with target(world, "token-registry", more) as registry:
                options = ["--only", "calico/*", "--insecure", f"127.0.0.1:{port}"]
                pushed = push(world, registry, *options, environment=login(folder, registry.place))
                require(pushed["mounted"] > 3, f"few mounts: {pushed['mounted']}")
                asked = json.loads(call("curl", "-fsS", f"http://127.0.0.1:{port}/log"))
                scopes = [tuple(request["scope"]) for request in asked]
                require(all(scope[0].endswith(":pull,push") for scope in scopes), f"scopes: {scopes}")
                require(any(len(scope) == 2 and scope[1].endswith(":pull") for scope in scopes), "none to mount from")
                registry.requests()
                push(world, registry, *options, environment=login(folder, registry.place))
                counts = registry.counted()
                equal({method for method, _ in counts}, {"HEAD"}, "methods of a rerun")
                world.refused(77, ["login"], "push", world.bundle, "--to", f"{registry.place}/more", "--insecure",
                              registry.place, *options)
        finally:
            tokens.terminate()


@case
def push_to_a_read_only_registry(world):
    """A registry that takes no pushes is reported with what to do."""
    folder = world.folder("read-only")
    data = f"{folder}/data}}, maintenance: {{readonly: {{enabled: true}}"
    with serving(world, folder, data) as place:
        world.refused(77, ["405", "takes no pushes", "read-only"], "push", world.bundle, "--to", place, "--insecure",
                      place, "--only", "library/*")


@case
def push_of_a_damaged_bundle(world):
    """A damaged blob is named and never put in place: its upload is deleted, and no tag points to it."""
    folder = world.folder("push-damaged")
    bundle = folder / "demo.sealift"
    shutil.copy(world.bundle, bundle)
    locked = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]
    digest = locked["files"][0]["digest"]
    members = call("tar", "-tvRf", bundle)
    block = int(re.search(rf"(?m)^block (\d+): .*{digest.split(':')[1]}$", members).group(1))
    flip(bundle, block * 512 + 512 + locked["files"][0]["size"] - 100)
    with target(world, "damage-target") as registry:
        told = ["cannot push docker", f"{digest} in .*demo.sealift is damaged", "sealift verify"]
        place = ["--to", registry.place, "--insecure", registry.place]
        world.refused(65, [digest, "verify|copy"], "push", bundle, *place, "--verify", "--only", "library/*")
        equal(registry.requests(), [], "requests before all of the bundle was proved")
        world.ok("push", bundle, *place, "--only", "library/*")
        registry.requests()
        world.refused(65, told, "push", bundle, *place, "--only", "files/*")
        seen = registry.requests()
        require(any(method == "DELETE" for method, _, _ in seen), f"no upload was deleted: {seen}")
        code = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-I",
                               f"http://{registry.place}/v2/files/docker-linux-amd64/blobs/{digest}"],
                              capture_output=True, text=True).stdout
        equal(code, "404", "the registry on the damaged blob")
        require(not any(method == "PUT" and "/manifests/" in path for method, path, _ in seen), "a tag was made")


@case
def push_of_volumes_and_deltas(world):
    """Volumes are pushed as they are; a delta needs --with, unless the registry has what it leaves out."""
    folder = world.folder("push-delta")
    spec = world.spec(folder)
    platform = ["--platform", world.own]
    split, delta = folder / "split.sealift", folder / "delta.sealift"
    world.ok("collect", spec, "-o", split, *platform, "--no-tool", "--volume-size", "20MB", *world.network)
    world.ok("collect", spec, "-o", delta, *platform, "--since", split, *world.network)
    with target(world, "volumes-target") as registry:
        refused = ["push", delta, "--to", f"{registry.place}/site", "--insecure", registry.place]
        world.refused(66, ["neither in", "--with"], *refused)
        require({method for method, _ in registry.counted()} == {"HEAD"}, "something was sent before the refusal")
        push(world, registry, "--with", f"{split}.001", bundle=delta)
        registry.requests()
        push(world, registry, bundle=f"{split}.001")
        only_asked(registry, "the whole after the delta with it")
        push(world, registry, bundle=delta)
        only_asked(registry, "the delta alone, once the registry has all")


def small_bundle(world, folder):
    """A bundle of three images over one layer and layers of their own; what is in it by size."""
    with odd_registry.odd_registry() as upstream:
        names = []
        for number in range(3):
            layers = [odd_registry.tar(word) for word in ("shared", f"own {number}")]
            config = {"architecture": "amd64", "os": "linux", "config": {},
                      "rootfs": {"type": "layers", "diff_ids": [odd_registry.digest(layer) for layer in layers]}}
            upstream.manifest(f"p/n{number}", {
                "schemaVersion": 2, "mediaType": odd_registry.MANIFEST,
                "config": upstream.blob(json.dumps(config).encode(), odd_registry.CONFIG),
                "layers": [upstream.blob(layer, odd_registry.LAYER) for layer in layers]}, odd_registry.MANIFEST, "1")
            names.append(f"{upstream.place}/p/n{number}:1")
        spec = folder / "p.yaml"
        spec.write_text("version: 1\nname: p\nplatforms: [linux/amd64]\nimages:\n" + "".join(f"  - {name}\n" for name in names))
        world.ok("collect", spec, "-o", folder / "p.sealift", "--insecure", upstream.place)
    return folder / "p.sealift"


@case
def a_push_sends_what_is_not_there_and_asks_no_more(world):
    """A first push is a question for each tag, then POST and PUT; what an interrupted one sent is not sent again."""
    folder = world.folder("push-again")
    bundle = small_bundle(world, folder)
    with target(world, "push-again-target") as registry:
        counts = None
        for state in ("nothing", "blobs"):
            pushed = push(world, registry, bundle=bundle)
            counts = registry.counted()
            equal(counts.pop(("HEAD", 404)), 3, "a question for each tag")
            if state == "nothing":
                equal((pushed["uploaded"], pushed["mounted"], pushed["present"]), (7, 2, 0), "a first push")
                equal(counts, {("POST", 202): 7, ("PUT", 201): 7 + 3, ("POST", 201): 2 + 1}, "what it asked")
            else:
                equal((pushed["uploaded"], pushed["mounted"], pushed["present"]), (0, 2, 7), "where only tags are missing")
                equal(counts, {("POST", 201): 9, ("PUT", 201): 3}, "what it asked")
            # As a push that ended before its first manifest leaves it.
            for tags in (registry.log.parent / "data").rglob("_manifests"):
                shutil.rmtree(tags)
    for status in (202, 404):
        with odd_registry.odd_registry() as registry:
            registry.hook = lambda handler, status=status: (
                status == 404 and handler.command == "POST" and "mount=" in handler.path
                and not handler.answer(404, b'{"errors":[{"code":"UNSUPPORTED"}]}'))
            place = ("--to", f"{registry.place}/q", "--insecure", registry.place)
            world.ok("push", bundle, *place)
            registry.manifests.clear()
            registry.asked.clear()
            world.ok("push", bundle, *place)
            sent = [path for verb, path in registry.asked if verb == "PUT" and "/uploads/" in path]
            require(len(sent) <= 2, f"a registry that mounts nothing ({status}) gets no more than the smallest blob again: {sent}")
