# SPDX-License-Identifier: Apache-2.0
"""apply --builder sealer with programs in sealer's place: a run that is stopped, and images that the base holds already."""

import base64
import os
import signal
import subprocess
import time

from build_cases import bundle
from harness import Store, case, equal, require
from refusal_base_cases import GOOD, mini_base

NAME = "mini/{}-built:1"


def program_in(folder, text):
    """A program of that text."""
    program = folder / "sealer"
    program.write_text(text)
    program.chmod(0o755)
    return program


def clean(world):
    """The environment without sealift's own options."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SEALIFT_")} | {
        "HOME": str(world.work / "home"), "NO_COLOR": "1"}


@case
def a_run_that_is_stopped_while_the_context_is_written_goes_on(world):
    """SIGSTOP for seven seconds while thousands of files of the context are written, longer than the system's threads wait for
    work: the program is started afterwards, and nothing hangs."""
    files = {**GOOD, **{f"etc/part{number // 100}/file{number}": b"%d" % number for number in range(3000)}}
    made = bundle(world, "stopped", "FROM scratch\nCOPY . .\n", files)
    folder, store = world.folder("builder-stopped"), world.folder("builder-stopped-store")
    program = program_in(folder, "#!/bin/sh\nexit 3\n")
    running = subprocess.Popen([world.sealift, "apply", made, "--store", store, "--platform", world.own, "--builder", "sealer", "--sealer", program],
                               text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=clean(world))
    try:
        # The context is written into a folder of the staging folder that has a Kubefile's neighbours.
        while running.poll() is None and not list(store.glob(".sealift/staging/*/etc/part*")):
            time.sleep(0.001)
        require(running.poll() is None, "it ended before its context was written")
        running.send_signal(signal.SIGSTOP)
        time.sleep(7)
        running.send_signal(signal.SIGCONT)
        _, said = running.communicate(timeout=300)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
    equal(running.returncode, 69, f"the exit code: {said}")
    require("status 3" in said, f"the program's status: {said}")


@case
def images_that_the_base_holds_need_not_be_made_again(world):
    """sealer does not repeat blobs and links that a layer below has: a program that makes only the layer of COPY over a base whose
    registry has the image is taken at its word, once the base's files are verified; without the base's files it is not."""
    first = world.folder("builder-held-first")
    world.ok("apply", bundle(world, "held-first", "FROM scratch\nCOPY . .\nCOPY imageList manifests\n"), "--store", first, "--platform", world.own)
    saved = Store(first).data(Store(first).layers(NAME.format("held-first"))[-1])
    registry = {str(path.relative_to(saved)): path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    require(any(name.endswith("/data") for name in registry), f"no blobs in {saved}")
    for name, files, code in (("held", GOOD | registry, 0), ("not-held", GOOD, 65)):
        folder = world.folder(f"builder-{name}")
        text = mini_base(world, name, files)
        head, _, _ = text.partition("    kubefile: |\n")
        text = f"{head}    kubefile: |\n      FROM {world.registry}/mini/{name}:1\n      COPY imageList manifests\n"
        made = folder / "mini.sealift"
        world.ok("collect", world.spec(folder, text), "-o", made, *world.network)
        # What the program makes: the same build, without the layer of saved images.
        other, result = folder / "other.sealift", world.folder(f"builder-{name}-result")
        world.ok("collect", world.spec(folder, text.replace("builds:\n", "notImages: ['*operator*']\nbuilds:\n", 1)), "-o", other, *world.network)
        world.ok("apply", other, "--store", result, "--platform", world.own)
        # It sees nothing of this folder, so it has the result in itself.
        packed = base64.encodebytes(subprocess.run(["tar", "-C", result, "-cf", "-", "data", "metadata"], check=True, capture_output=True).stdout).decode()
        program = program_in(folder, (
            "#!/bin/sh\nset -e\nmkdir -p /tmp/result\nsed '1,/^DATA$/d' \"$0\" | base64 -d | tar -x -C /tmp/result\ncd /var/lib/sealer\n"
            "for layer in /tmp/result/data/overlay2/*; do [ -e data/overlay2/${layer##*/} ] || cp -a $layer data/overlay2/; done\n"
            "for layer in /tmp/result/metadata/layerdb/sha256/*; do\n"
            "  [ -e metadata/layerdb/sha256/${layer##*/} ] || cp -a $layer metadata/layerdb/sha256/\ndone\n"
            "cp -a /tmp/result/metadata/imagedb/. metadata/imagedb/\ncp /tmp/result/metadata/images_metadata.json metadata/\nexit 0\nDATA\n"
            + packed))
        store = world.folder(f"builder-{name}-store")
        outcome = world.run("apply", made, "--store", store, "--platform", world.own, "--builder", "sealer", "--sealer", program)
        equal(outcome.code, code, f"{name}: the exit code: {outcome}")
        if code:
            require("did not arrive" in outcome.err, f"{name}: what is missing: {outcome}")
        else:
            equal(len(Store(store).layers(NAME.format(name))), 2, "the layers of the image: the base's and COPY's")
