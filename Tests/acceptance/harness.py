# SPDX-License-Identifier: Apache-2.0
"""What the acceptance cases stand on: cases by name, a world with a real upstream, and checks."""

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEMO = ROOT / "bundles/demo"
SPEC = ROOT / "bundles/kubernetes-rawdocker-v1.19.8.yaml"
sys.path[:0] = [str(DEMO), str(HERE / "oracle")]

# Names of what collect keeps beside the bundle for a rerun.
RESUMED = r"\.sealift\.(partial|journal|files)(/|$)"
CASES = {}


class Failed(AssertionError):
    """A case whose promise does not hold."""


Skipped = pytest.skip.Exception  # A case that cannot be tried here, and why.


def case(function):
    """Registers a case; its first docstring line is the promise that it checks."""
    CASES[function.__name__] = function
    return function


def require(condition, why):
    if not condition:
        raise Failed(why)


def equal(got, wanted, what):
    require(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


class Outcome:
    """How a command ended."""

    def __init__(self, arguments, process):
        self.arguments = [str(argument) for argument in arguments]
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __str__(self):
        shown = " ".join(self.arguments)
        return f"$ {shown}\nexit {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


def call(*arguments, timeout=300, **options):
    """Runs a peer, which must succeed, and returns what it wrote."""
    process = subprocess.run([str(part) for part in arguments], text=True, capture_output=True,
                             stdin=subprocess.DEVNULL, timeout=timeout, **options)
    outcome = Outcome(arguments, process)
    require(outcome.code == 0, f"a peer failed: {outcome}")
    return outcome.out


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def flip(path, place):
    """Flips one bit of the byte at `place`; negative places count from the end."""
    with open(path, "r+b") as file:
        place = file.seek(place, os.SEEK_SET if place >= 0 else os.SEEK_END)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))


def snapshot(*places):
    """Everything that a change would alter: names, kinds, sizes, times, inodes, modes."""
    found = {}
    for place in map(Path, places):
        for path in [place, *sorted(place.rglob("*"))] if place.exists() else []:
            facts = path.lstat()
            # The time of a folder changes when a temporary file comes and goes.
            moment = 0 if path.is_dir() else facts.st_mtime_ns
            size = 0 if path.is_dir() else facts.st_size
            found[str(path)] = (facts.st_mode, size, moment, facts.st_ino)
    return found


@contextlib.contextmanager
def medium(folder, options):
    """A file system of its own on `folder`, as `mount -o` describes it; needs root."""
    require(os.geteuid() == 0, "mounting a small file system needs root")
    call("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
    try:
        yield folder
    finally:
        call("umount", folder)


@contextlib.contextmanager
def serving(world, folder, data, more="", http=""):
    """A docker-registry over the storage in `data`; gives its host:port. `more` is further configuration, `http`
    that of the server."""
    settings, log = folder / "config.yml", folder / "log"
    settings.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\n"
                        f"http: {{addr: '127.0.0.1:0', secret: test{http}}}\n{more}")
    with open(log, "w") as out:
        server = subprocess.Popen([world.said["registry-program"], "serve", settings], stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out)
    try:
        yield address(log)
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def podman(root):
    """podman with a storage of its own in `root`, as the start of a command."""
    # Its sockets allow it no more than 50 characters here.
    with tempfile.TemporaryDirectory(prefix="podman.", dir="/tmp") as run:
        yield ["podman", "--root", root, "--runroot", run, "--storage-driver", "vfs"]


def address(log):
    """host:port that the started registry tells in its log."""
    for _ in range(400):
        said = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
        if said:
            return said.group(1)
        time.sleep(0.05)
    raise Failed(f"docker-registry did not start: {log.read_text()}")


class World:
    """A temporary folder, the binary under test, and the upstream."""

    def __init__(self, sealift, work):
        self.sealift = Path(sealift).resolve()
        self.work = Path(work)
        self.upstream_folder = self.work / "upstream"
        self.said = {}
        self._upstream = None

    def start(self):
        """Brings the upstream up, or uses the running one whose folder DEMO_UPSTREAM names."""
        running = os.environ.get("DEMO_UPSTREAM")
        if running:
            self.upstream_folder = Path(running)
            self.said = json.loads((self.upstream_folder / "upstream.json").read_text())
            return
        self._upstream = subprocess.Popen([sys.executable, DEMO / "upstream.py", self.upstream_folder])
        told = self.upstream_folder / "upstream.json"
        while not told.exists():
            if self._upstream.poll() is not None:
                sys.exit(f"the upstream ended with {self._upstream.returncode}")
            time.sleep(0.2)
        self.said = json.loads(told.read_text())

    def stop(self):
        """Ends the upstream."""
        if self._upstream and self._upstream.poll() is None:
            self._upstream.terminate()
            self._upstream.wait()

    @property
    def registry(self):
        return self.said["registry"]

    @property
    def network(self):
        """The options that lead sealift to the upstream."""
        return self.said["arguments"]

    @property
    def architectures(self):
        return self.said["architectures"]

    @property
    def own(self):
        """The machine's own platform, which the upstream always has."""
        return f"linux/{self.architectures[0]}"

    def folder(self, name):
        """A new empty folder."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def run(self, *arguments, prefix=(), environment=None, cwd=None, timeout=600, program=None):
        """Runs sealift, or another program, without credentials or proxies of the machine."""
        clean = {key: value for key, value in os.environ.items()
                 if not re.search("(?i)proxy|docker_config|registry_auth|^sealift_", key)}
        clean |= {"HOME": str(self.work / "home"), "NO_COLOR": "1", **(environment or {})}
        command = [*prefix, program or self.sealift, *arguments]
        process = subprocess.run([str(part) for part in command], text=True, capture_output=True, cwd=cwd,
                                 env=clean, stdin=subprocess.DEVNULL, timeout=timeout)
        return Outcome(command, process)

    def ok(self, *arguments, **options):
        """Runs sealift, which must succeed."""
        outcome = self.run(*arguments, **options)
        require(outcome.code == 0, f"sealift failed: {outcome}")
        return outcome

    def refused(self, codes, words, *arguments, unchanged=(), **options):
        """Runs sealift, which must refuse: with one of `codes`, a message with every word and a remedy,
        data on no stream but standard error, and nothing changed below `unchanged`."""
        before = snapshot(*unchanged)
        outcome = self.run(*arguments, **options)
        codes = codes if isinstance(codes, tuple) else (codes,)
        require(outcome.code in codes, f"wanted exit code {codes}: {outcome}")
        equal(outcome.out, "", "standard output of a refusal")
        for word in words:
            require(re.search(word, outcome.err), f"the message lacks {word!r}: {outcome}")
        require("→" in outcome.err, f"the message has no remedy: {outcome}")
        after = snapshot(*unchanged)
        changes = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        # What a rerun of collect resumes with is beside the bundle, under names of its own.
        changes = {path for path in changes if path in before or not re.search(RESUMED, path)}
        require(not changes, f"a refusal changed {sorted(changes)[:10]}")
        return outcome

    def spec(self, folder, text=None):
        """The spec in a folder of its own: the real one unless a text is given."""
        path = folder / "kubernetes-rawdocker.yaml"
        platforms = ", ".join(f"linux/{name}" for name in self.architectures)
        real = SPEC.read_text().replace("[linux/amd64, linux/arm64]", f"[{platforms}]")
        path.write_text(real if text is None else text)
        return path

    @functools.cached_property
    def bundle(self):
        """The real spec collected for every platform of the upstream."""
        folder = self.folder("collected")
        chosen = [part for name in self.architectures for part in ("--platform", f"linux/{name}")]
        target = folder / "demo.sealift"
        outcome = self.ok("collect", self.spec(folder), "-o", target, *chosen, *self.network)
        require(re.fullmatch(r"sha256:[0-9a-f]{64}  .*demo\.sealift\n", outcome.out),
                f"standard output should be the identity and the path: {outcome}")
        return target

    @functools.cached_property
    def store(self):
        """The bundle applied for the machine's own platform."""
        return self.applied("store", self.own)

    def applied(self, name, platform, **options):
        """The bundle applied into a new store."""
        store = self.folder(name)
        self.ok("apply", self.bundle, "--store", store, "--platform", platform, **options)
        return store

    @functools.cached_property
    def unpacked(self):
        """The bundle's members, unpacked by GNU tar."""
        folder = self.folder("unpacked")
        call("tar", "-xf", self.bundle, "-C", folder)
        return folder


class Store:
    """A sealer store, read by its files alone."""

    def __init__(self, path):
        self.path = Path(path)
        self.listed = json.loads((self.path / "metadata/images_metadata.json").read_text())

    def image(self, name):
        """(image id, text of its YAML) of the one image whose full name ends in `name`."""
        found = [key for key in self.listed if key.endswith("/" + name)]
        equal(len(found), 1, f"images named {name} in {sorted(self.listed)}")
        made = self.listed[found[0]]["manifests"]
        equal(len(made), 1, f"platforms of {name}")
        return made[0]["id"], (self.path / "metadata/imagedb" / f"{made[0]['id']}.yaml").read_text()

    def layers(self, name):
        """The image's layer ids, from the bottom to the top."""
        return re.findall(r"(?m)^  - id: (sha256:[0-9a-f]{64})$", self.image(name)[1])

    def data(self, layer):
        return self.path / "data/overlay2" / layer.removeprefix("sha256:")

    def all_layers(self):
        return sorted("sha256:" + path.name for path in (self.path / "metadata/layerdb/sha256").iterdir())

    def merged(self, name, target):
        """The image's layers laid over one another in `target`."""
        for layer in self.layers(name):
            call("cp", "-a", f"{self.data(layer)}/.", target)
        return target
