# SPDX-License-Identifier: Apache-2.0
"""What collect asks of registries: how often, under which names, and what it reports of all that is wrong."""

import base64
import json
import os
import socket
import subprocess
import threading
import time

import base
import images as image_tars
import odd_registry
import pytest
from harness import case, equal, require
from odd_registry import MANIFEST


def listed(folder, names, more="", platforms="linux/amd64"):
    """A spec of these images."""
    lines = "".join(f"  - '{name}'\n" for name in names)
    (folder / "s.yaml").write_text(f"version: 1\nname: s\nplatforms: [{platforms}]\nimages:\n{lines}{more}")
    return folder / "s.yaml"


def images(registry, count):
    """Images of a layer that all share and of two of their own; their names."""
    names = []
    for number in range(count):
        config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
        layers = [odd_registry.tar(word) for word in ("shared", f"one {number}", f"two {number}")]
        config["rootfs"]["diff_ids"] = [odd_registry.digest(layer) for layer in layers]
        content = {"schemaVersion": 2, "mediaType": MANIFEST,
                   "config": registry.blob(json.dumps(config).encode(), odd_registry.CONFIG),
                   "layers": [registry.blob(layer, odd_registry.LAYER) for layer in layers]}
        registry.manifest(f"i/n{number}", content, MANIFEST, "1")
        names.append(f"{registry.place}/i/n{number}:1")
    return names


@case
def nothing_is_asked_for_twice(world):
    """A cold collect asks for each manifest, config and layer once; one with nothing new asks once for each image."""
    count = 40
    with odd_registry.odd_registry() as registry:
        folder = world.folder("requests")
        spec = listed(folder, images(registry, count))
        network = ("-o", folder / "s.sealift", "--insecure", registry.place)

        def asked(*command):
            registry.asked.clear()
            world.ok(*command, *network)
            # The first request of all finds out whether the server speaks TLS, and one may ask /v2/.
            return [(verb, path) for verb, path in registry.asked if path not in ("/v2", "/v2/")]

        cold = asked("collect", spec)
        equal(len(cold), len(set(cold)), f"requests of which none is made twice: {sorted(cold)[:8]}")
        require(len(cold) <= count * 4 + 1, f"a manifest, a config and two layers each, and one shared layer: {len(cold)}")
        again = asked("collect", spec)
        require(len(again) <= count, f"one request an image: {len(again)} for {count}")
        world.ok("lock", spec, "--insecure", registry.place)
        require(len(asked("collect", spec)) <= count, "one request an image with a lock")


class Crowd:
    """How many requests a registry has at once: for all, and for blobs of at least `large` bytes. It holds their answers
    back until `wanted` of both are there, so that what may come at once does."""

    def __init__(self, registry, wanted, large):
        self.registry, self.wanted, self.large = registry, wanted, large
        self.now, self.most = [0, 0], [0, 0]
        self._changed = threading.Condition()
        registry.hook = self

    def __call__(self, handler):
        blob = self.registry.blobs.get(handler.path.rsplit("/", 1)[1], b"")
        kinds = [0, 1] if len(blob) >= self.large else [0]
        with self._changed:
            for kind in kinds:
                self.now[kind] += 1
                self.most[kind] = max(self.most[kind], self.now[kind])
            self._changed.notify_all()
            kind = kinds[-1]
            self._changed.wait_for(lambda: self.most[kind] >= self.wanted[kind], timeout=5)
            for kind in kinds:
                self.now[kind] -= 1
        return False


@case
def small_requests_do_not_wait_for_each_other(world):
    """Sixteen requests run at once while they are small, eight of them for larger blobs; as many as --jobs says where it does."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("crowd")
        names = []
        for number in range(24):
            layer = odd_registry.tar(f"large {number} " + "x" * (200 << 10))
            config = {"architecture": "amd64", "os": "linux", "config": {},
                      "rootfs": {"type": "layers", "diff_ids": [odd_registry.digest(layer)]}}
            registry.manifest(f"c/n{number}", {
                "schemaVersion": 2, "mediaType": MANIFEST, "layers": [registry.blob(layer, odd_registry.LAYER)],
                "config": registry.blob(json.dumps(config).encode(), odd_registry.CONFIG)}, MANIFEST, "1")
            names.append(f"{registry.place}/c/n{number}:1")
        spec = listed(folder, names)

        def most(*options, wanted):
            crowd = Crowd(registry, wanted, 128 << 10)
            world.ok("collect", spec, "-o", folder / f"s{len(options)}.sealift", "--insecure", registry.place, *options)
            (folder / f"s{len(options)}.sealift").unlink()
            return crowd.most

        equal(most(wanted=[16, 8]), [16, 8], "requests at once, and those for large blobs")
        equal(most("--jobs", "3", wanted=[3, 3]), [3, 3], "requests at once with --jobs 3")
        equal(most("--jobs-per-host", "2", wanted=[2, 2]), [2, 2], "requests at once with --jobs-per-host 2")


@case
def what_the_builds_need_is_fetched_once(world):
    """The base's layers and the spec's files are fetched once by a run that proves builds and derives ids: cold, with a
    lock, and by check; a run after a mistake was corrected fetches none of them again."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("once")
        parts = [("COPY", ". .", image_tars.files([image_tars.Entry(name, 0o644, os.urandom(300_000))]))
                 for name in ("rootfs/one", "more/two")]
        made, blobs, _ = base.instance("amd64", parts)
        registry.blobs.update((blob.digest, blob.data) for blob in blobs)
        registry.manifest("i/base", made.data, made.media_type, "1")
        layers = [blob.digest for blob in blobs[1:]]
        file = registry.blob(os.urandom(200_000), "")["digest"]
        text = (f"version: 1\nname: s\nplatforms: [linux/amd64]\nbase:\n  image: {registry.place}/i/base:1\n  layers:\n"
                f"    root: {{ holds: rootfs/one }}\nfiles:\n  tool: {{ url: 'http://{registry.place}/v2/i/base/blobs/{file}' }}\n"
                f"images:\n  - '{images(registry, 1)[0]}'\nbuilds:\n  - tag: i/built:1\n    context:\n      - layer: root\n"
                "      - put: bin/tool\n        file: tool\n      - imageList: ['*']\n"
                "    kubefile: |\n      FROM scratch\n      COPY . .\n      COPY imageList manifests\n")
        spec, network = folder / "s.yaml", ("--insecure", registry.place)
        wanted = sorted([*layers, file])

        def fetched(*command, refused=False):
            registry.asked.clear()
            if refused:
                world.refused(78, ["Kubefile|COPY"], *command, *network)
            else:
                world.ok(*command, *network)
            bodies = [path.rsplit("/", 1)[1] for verb, path in registry.asked if verb == "GET"]
            return sorted(digest for digest in bodies if digest in wanted)

        spec.write_text(text)
        equal(fetched("check", spec), wanted, "what check fetches")
        equal(fetched("collect", spec, "-o", folder / "s.sealift"), wanted, "what a cold collect fetches")
        world.ok("lock", spec, *network)
        equal(fetched("collect", spec, "-o", folder / "t.sealift"), wanted, "what a collect with a lock fetches")
        spec.write_text(text.replace("COPY . .", "COPY . . ..\n"))
        equal(fetched("collect", spec, "-o", folder / "u.sealift", refused=True), wanted, "what a refused collect fetches")
        spec.write_text(text)
        equal(fetched("collect", spec, "-o", folder / "u.sealift"), [], "what a collect fetches once the mistake is corrected")


@case
def every_wrong_image_is_reported(world):
    """All images of a spec that cannot be had are reported in one run, each with its line."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("wrong-images")
        registry.image("a/good", "x", "1")
        registry.image("a/arm", "x", "1", architecture="arm64")
        registry.manifest("a/odd", b"{}", MANIFEST, "1")
        names = [f"{registry.place}/a/{name}" for name in ("good:1", "arm:1", "odd:1", "gone:1", "good:2")]
        for command in (("check",), ("collect", "-o", folder / "s.sealift"), ("collect", "--dry-run", "-o", folder / "s.sealift")):
            said = world.refused((65, 69, 78), ["4 mistakes", r"s\.yaml:6:", r"s\.yaml:7:", r"s\.yaml:8:", r"s\.yaml:9:"],
                                 command[0], listed(folder, names), *command[1:], "--insecure", registry.place)
            require("s.yaml:5:" not in said.err, f"the good one is not reported: {said}")


@case
def addresses_of_ipv6_are_names(world):
    """A registry at an IPv6 address: in references, mirrors, auth files, NO_PROXY, --insecure, --listen, push and images."""
    folder = world.folder("ipv6")
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
    except OSError as error:

        pytest.skip(f"this host has no IPv6: {error}")
    users = folder / "users"
    users.write_text(subprocess.run(["htpasswd", "-nbB", "u", "a:b"], capture_output=True, text=True, check=True).stdout)
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '[::1]:{port}', secret: x}}\nauth: {{htpasswd: {{realm: x, path: {users}}}}}\n")
    place = f"[::1]:{port}"
    auth = folder / "auth.json"
    auth.write_text(json.dumps({"auths": {place: {"auth": base64.b64encode(b"u:a:b\0\0").decode()}}}))
    environment = {"REGISTRY_AUTH_FILE": str(auth), "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
                   "NO_PROXY": f"{place},127.0.0.1"}
    with open(folder / "log", "w") as log:
        server = subprocess.Popen([world.said["registry-program"], "serve", folder / "config.yml"], stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log)
    try:
        for _ in range(400):
            with socket.socket(socket.AF_INET6) as probe:
                if probe.connect_ex(("::1", port)) == 0:
                    break
            require(server.poll() is None, f"docker-registry did not start: {(folder / 'log').read_text()}")
            time.sleep(0.05)
        with odd_registry.odd_registry() as registry:
            registry.image("a/b", "x", "1")
            spec = listed(folder, [f"{registry.place}/a/b:1"])
            world.ok("collect", spec, "-o", folder / "one.sealift", "--insecure", registry.place)
        said = world.ok("push", folder / "one.sealift", "--to", f"{place}/p", "--insecure", place, environment=environment)
        name = f"{place}/p/a/b:1"
        world.ok("collect", listed(folder, [name]), "-o", folder / "two.sealift", "--insecure", place, environment=environment)
        require(name in world.ok("inspect", folder / "two.sealift").out, f"the name in the bundle; {said}")
        mirrored = listed(folder, ["r.example/a/b:1"], f"registries: {{ r.example: 'http://{place}/p' }}\n")
        world.ok("collect", mirrored, "-o", folder / "three.sealift", "--insecure", place, environment=environment)
        (folder / "pod.yaml").write_text(f"kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: '{name}'\n")
        equal(world.ok("images", folder / "pod.yaml").out, f"{name}\n", "the name in YAML")
        wrong = folder / "wrong.json"
        wrong.write_text(json.dumps({"auths": {place: {"auth": base64.b64encode(b"u:x").decode()}}}))
        world.refused(77, [f"refuses the login of 'u' in {wrong}"], "collect", listed(folder, [name]), "-o", folder / "four.sealift",
                      "--insecure", place, environment=environment | {"REGISTRY_AUTH_FILE": str(wrong)})
    finally:
        server.terminate()
        server.wait()


@case
def a_lock_is_complete(world):
    """What the lock does not have is an error that names each and its line; --unlocked takes it as it is now, and says so."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("unlocked")
        for name in ("a", "b", "c"):
            registry.image(f"l/{name}", name, "1")
        names = [f"{registry.place}/l/{name}:1" for name in ("a", "b", "c")]
        (folder / "note").write_text("a file")
        (folder / "list").write_text(f"{names[2]}\n")
        network = ("--insecure", registry.place)
        spec = listed(folder, names[:1])
        world.ok("lock", spec, *network)
        later = "files:\n  note: {path: note}\n  own: {text: as it is}\n  list: {path: list}\nimagesFrom: [list]\n"
        listed(folder, names[:2], later)
        missing = ["4 mistakes", "s.yaml:6:.*l/b:1.*the lock does not have it", "the file note", "--unlocked"]
        for mode in ((), ("--dry-run",)):
            registry.asked.clear()
            said = world.refused(78, missing, "collect", spec, "-o", folder / "s.sealift", *mode, *network)
            require("text" not in said.err and "own" not in said.err, f"a text is its own pin: {said}")
            asked = [path for _, path in registry.asked if "/l/b/" in path]
            equal(asked, [], "requests for what the lock does not have")
        said = world.ok("collect", spec, "-o", folder / "s.sealift", "--unlocked", *network)
        require(all(name in said.err for name in ("l/b:1", "l/c:1", "the file note", "the file list")), f"what was taken: {said}")
        require("l/a:1" not in said.err and "file own" not in said.err, f"what the lock has is not named: {said}")
        said = world.ok("check", spec, *network)
        require("l/b:1" in said.err, f"check takes it, and says so: {said}")
        registry.image("l/a", "another", "1")
        world.refused(65, ["the lock has sha256"], "collect", spec, "-o", folder / "t.sealift", "--unlocked", *network)
        registry.image("l/a", "a", "1")
        world.ok("lock", spec, *network)
        said = world.ok("collect", spec, "-o", folder / "s.sealift", *network)
        require("not in the lock" not in said.err, f"the lock has all: {said}")


@case
def a_lock_without_what_is_attached_is_said(world):
    """An image whose signatures are asked for after it was locked is carried as locked, and a line says how to look for them."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("unattached")
        image = registry.image("u/a", "a", "1")
        registry.artifact("u/a", image["digest"].replace(":", "-") + ".sig")
        name, network = f"{registry.place}/u/a:1", ("--insecure", registry.place)
        spec = listed(folder, [name])
        world.ok("lock", spec, *network)
        listed(folder, [name], "attached: [signatures]\n")
        said = world.ok("collect", spec, "-o", folder / "s.sealift", *network)
        require(f"nothing that is attached to {name}" in said.err and "lock SPEC" in said.err, f"what the lock lacks: {said}")
        registry.image("u/a", "moved", "1")
        said = world.ok("lock", spec, *network)
        require(".sig" in said.out and "u/a:1 " not in said.out, f"what is attached is added, and the image stays: {said}")
        registry.image("u/a", "a", "1")
        said = world.ok("collect", spec, "-o", folder / "s.sealift", *network)
        require("nothing that is attached" not in said.err, f"the lock has it: {said}")
        require(".sig" in world.ok("inspect", folder / "s.sealift").out, "the signature is carried")


@case
def a_lock_is_updated_by_a_name_without_its_tag(world):
    """`lock --update NAME` means every tag of the name; what cannot be had comes in one report."""
    with odd_registry.odd_registry() as registry:
        folder = world.folder("update-names")
        for word in ("a:1", "a:2", "b:1"):
            registry.image(f"n/{word[0]}", word, word[2:])
        names = [f"{registry.place}/n/{word}" for word in ("a:1", "a:2", "b:1")]
        network = ("--insecure", registry.place)
        spec = listed(folder, names)
        world.ok("lock", spec, *network)
        for word in ("a:1", "a:2", "b:1"):
            registry.image(f"n/{word[0]}", "new" + word, word[2:])
        said = world.ok("lock", spec, "--update", f"{registry.place}/n/a", *network)
        require(all(name in said.out for name in names[:2]) and names[2] not in said.out, f"what is updated: {said}")
        world.refused(64, ["n/c", "of that name"], "lock", spec, "--update", f"{registry.place}/n/c", *network)
        listed(folder, [*names, f"{registry.place}/n/d:1", f"{registry.place}/n/e:1"],
               "charts:\n  - {chart: ./none}\n  - {chart: ./other}\nfiles:\n  f: {path: nothing}\n")
        wrong = ["5 mistakes", "n/d:1", "n/e:1", "./none", "./other", "nothing"]
        world.refused((65, 66, 69, 78), wrong, "lock", spec, *network, unchanged=[folder / "s.lock.json"])
