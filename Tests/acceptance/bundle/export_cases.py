# SPDX-License-Identifier: Apache-2.0
"""export: archives and layouts that podman and skopeo load, whole or not there."""

import json
import os
import pty
import re
import signal
import subprocess
import tarfile
import time

import contents
from delta_cases import flip
from harness import call, case, equal, podman, require, sha256

OPERATOR = "quay.io/" + contents.OPERATOR


@case
def export_of_several_images_is_loaded(world):
    """podman loads several images out of one docker-archive, in which a shared layer lies once; skopeo reads it too."""
    folder = world.folder("export-several")
    archive = folder / "images.tar"
    world.ok("export", world.bundle, "calico/*", OPERATOR, "registry:2.7.1", "-o", archive, "--platform", world.own)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        entries = json.load(tar.extractfile("manifest.json"))
    equal(len(names), len(set(names)), "members that are there twice")
    tags = {tag for entry in entries for tag in entry["RepoTags"]}
    equal(tags, {*contents.CALICO, OPERATOR, "registry:2.7.1"}, "tags")
    layers = [layer for entry in entries for layer in entry["Layers"]]
    require(len(set(layers)) < len(layers), "no layer is shared")
    with podman(folder / "root") as tool:
        call(*tool, "load", "-q", "-i", archive)
        loaded = json.loads(call(*tool, "images", "--format", "json"))
    known = {name for image in loaded for name in image["Names"]}
    # podman gives the short names that docker writes a domain of its own.
    equal({name.removeprefix("localhost/") for name in known}, tags, "what podman knows")
    call("skopeo", "inspect", f"docker-archive:{archive}:{OPERATOR}")


@case
def export_of_all_images(world):
    """Without names every image comes: all but the base to docker, the base too into a layout that skopeo copies whole."""
    folder = world.folder("export-all")
    world.ok("export", world.bundle, "-o", folder / "all.tar", "--platform", world.own)
    entries = json.loads(call("tar", "-xOf", folder / "all.tar", "manifest.json"))
    equal(len(entries), len(contents.CALICO) + 2, "images for docker")
    (folder / "layout").mkdir()
    world.ok("export", world.bundle, "--format", "oci", "-o", f"{folder}/layout/")
    locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    for image in locked:
        call("skopeo", "copy", "--all", f"oci:{folder}/layout:{image['reference']}", f"dir:{folder}/copy")
    equal(sorted(path.name for path in folder.iterdir()), ["all.tar", "copy", "layout"], "what else was left there")
    world.refused(73, ["something is there already", "new or empty"], "export", world.bundle, "--format", "oci",
                  "-o", folder / "layout", unchanged=[folder])


@case
def export_replaces_only_by_the_whole(world):
    """A failed export leaves the older file as it was; an interrupted one leaves nothing beside it."""
    folder = world.folder("export-atomic")
    bundle, old = folder / "demo.sealift", folder / "old.tar"
    call("cp", world.bundle, bundle)
    old.write_text("old")
    locked = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]
    file = next(file for file in locked["files"] if file["platform"] == world.own)
    members = call("tar", "-tvRf", bundle)
    block = int(re.search(rf"(?m)^block (\d+): .*{file['digest'].split(':')[1]}$", members).group(1))
    flip(bundle, (block + 1) * 512 + file["size"] - 5)
    world.refused(65, [file["digest"]], "export", bundle, "docker", "--format", "file", "--platform", world.own, "-o",
                  old, unchanged=[folder])
    for form in ("oci-archive", "oci"):
        target = folder / f"new-{form}"
        running = subprocess.Popen([world.sealift, "export", world.bundle, "--format", form, "-o", target],
                                   stderr=subprocess.PIPE)
        while running.poll() is None and not list(folder.glob(f"new-{form}.*.tmp")):
            time.sleep(0.001)
        running.send_signal(signal.SIGSTOP)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGCONT)
        code = running.wait(timeout=60)
        running.stderr.close()
        # Where it was quicker than the signal, it is whole.
        require(code == -signal.SIGINT and not target.exists() or code == 0, f"exit code {code}")
        equal(list(folder.glob("*.tmp*")), [], "what was left half-made")
    world.ok("export", world.bundle, "docker", "--format", "file", "--platform", world.own, "-o", old)
    equal("sha256:" + sha256(old), file["digest"], "the file that replaced it")


@case
def export_to_stdout(world):
    """A pipe gets the same bytes as a file; a terminal gets none."""
    folder = world.folder("export-stdout")
    world.ok("export", world.bundle, "registry:2.7.1", "-o", folder / "a", "--platform", world.own)
    with open(folder / "b", "wb") as out:
        subprocess.run([world.sealift, "export", world.bundle, "registry:2.7.1", "-o", "-", "--platform", world.own],
                       stdout=out, check=True)
    equal(sha256(folder / "b"), sha256(folder / "a"), "stdout")
    ours, theirs = pty.openpty()
    try:
        process = subprocess.run([world.sealift, "export", world.bundle, "registry:2.7.1", "-o", "-"], stdout=theirs,
                                 stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    equal(process.returncode, 64, "exit code before a terminal")
    require("redirect it" in process.stderr, process.stderr)
    for arguments in (["--format", "file", "-o", folder / "c"], ["--format", "oci", "-o", "-"]):
        equal(world.run("export", world.bundle, *arguments).code, 64, f"exit code of {arguments}")
