# SPDX-License-Identifier: Apache-2.0
"""What collect asks of registries: how often, under which names, and what it reports of all that is wrong."""

import base64
import json
import socket
import subprocess
import time

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
