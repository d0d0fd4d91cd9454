# SPDX-License-Identifier: Apache-2.0
"""export: archives and layouts that podman and skopeo load, whole or not there."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import tarfile
import tempfile
import time

import contents
import odd_registry
from artifact_cases import collected
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
    told = [r"cannot export docker", rf"its blob {file['digest']} in .*demo.sealift is damaged", "sealift verify"]
    world.refused(65, told, "export", bundle, "docker", "--format", "file", "--platform", world.own, "-o",
                  old, unchanged=[folder])
    # Writing continues for a moment while what is half-made is removed: what fails then is no failure of its own.
    for number, form in enumerate(["oci-archive", *["oci"] * 8]):
        target = folder / f"new-{number}"
        running = subprocess.Popen([world.sealift, "export", world.bundle, "--format", form, "-o", target],
                                   stderr=subprocess.PIPE)
        while running.poll() is None and not list(folder.glob(f"new-{number}.*.tmp")):
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


@contextlib.contextmanager
def containerd(folder):
    """A containerd of its own in `folder`, as the start of a `ctr` command."""
    # A socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ctr.", dir="/tmp") as run, open(folder / "log", "w") as log:
        daemon = subprocess.Popen(["containerd", "--root", folder / "r", "--state", f"{run}/s", "-a", f"{run}/c"],
                                  stdout=log, stderr=log)
        try:
            ctr = ["ctr", "-a", f"{run}/c"]
            for _ in range(600):
                if subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode == 0:
                    break
                require(daemon.poll() is None, (folder / "log").read_text())
                time.sleep(0.1)
            yield ctr
        finally:
            daemon.terminate()
            daemon.wait()


def imported(ctr):
    """The digests of containerd's images by name, and none of them left."""
    lines = call(*ctr, "images", "ls").splitlines()[1:]
    found = {line.split()[0]: line.split()[2] for line in lines}
    if found:
        call(*ctr, "images", "rm", "--sync", *found)
    return found


@case
def one_image_has_one_descriptor(world):
    """An oci-archive of one image, also of docker's types: podman loads it, skopeo copies it and containerd imports it, each
    with upstream's digest."""
    folder = world.folder("export-one")
    locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    chosen = {image["mediaType"]: image for image in locked if "kubernetes" not in image["reference"]}
    require(any("docker" in kind for kind in chosen), f"no image of docker's types: {list(chosen)}")
    with containerd(folder) as ctr:
        for number, image in enumerate(chosen.values()):
            archive = folder / f"{number}.tar"
            world.ok("export", world.bundle, image["reference"], "--format", "oci-archive", "-o", archive)
            entries = json.loads(call("tar", "-xOf", archive, "index.json"))["manifests"]
            equal([entry["digest"] for entry in entries], [image["digest"]], f"descriptors of {image['reference']}")
            call("skopeo", "copy", "-q", "--all", f"oci-archive:{archive}", f"dir:{folder}/copy")
            equal("sha256:" + sha256(folder / "copy/manifest.json"), image["digest"], "what skopeo copies")
            with podman(folder / f"root-{number}") as tool:
                told = call(*tool, "load", "-q", "-i", archive)
            require(image["reference"] in told, f"podman load says {told}")
            call(*ctr, "images", "import", "--all-platforms", "--no-unpack", archive)
            equal(imported(ctr), {image["reference"]: image["digest"]}, "what containerd has")


@case
def containerd_imports_a_bundle(world):
    """`ctr images import` of the bundle itself, and of an oci-archive of all images, gives each its upstream digest, again
    and again."""
    folder = world.folder("import-bundle")
    locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    wanted = {image["reference"]: image["digest"] for image in locked}
    world.ok("export", world.bundle, "--format", "oci-archive", "-o", folder / "all.tar")
    with containerd(folder) as ctr:
        for archive in (world.bundle, folder / "all.tar", world.bundle):
            call(*ctr, "images", "import", "--all-platforms", "--no-unpack", archive)
            found = imported(ctr)
            equal({name: found.get(name) for name in wanted}, wanted, f"images of {archive.name}")


@case
def a_platform_that_is_not_carried_is_refused(world):
    """`--platform` of what is not there is 66 in every format, for indexes and single manifests; what is there is taken
    as one manifest."""
    folder = world.folder("export-platform")
    for form in ("docker-archive", "oci-archive", "oci"):
        for name in ("registry:2.7.1", contents.CALICO[0], OPERATOR):
            world.refused(66, ["is not there for linux/s390x, only for", "--platform"], "export", world.bundle, name,
                          "--format", form, "--platform", "linux/s390x", "-o", folder / "out", unchanged=[folder])
    world.refused(66, ["docker"], "export", world.bundle, "docker", "--format", "file", "--platform", "linux/s390x", "-o",
                  folder / "out", unchanged=[folder])
    locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    for name in ("registry:2.7.1", contents.CALICO[0]):
        image = next(image for image in locked if image["reference"].endswith(name))
        part = next(part for part in image["platforms"] if part["platform"] == world.own)
        archive = folder / "one.tar"
        world.ok("export", world.bundle, name, "--format", "oci-archive", "--platform", world.own, "-o", archive)
        entries = json.loads(call("tar", "-xOf", archive, "index.json"))["manifests"]
        equal([entry["digest"] for entry in entries], [part["digest"]], f"the manifest of {name}")
        call("skopeo", "copy", "-q", f"oci-archive:{archive}", f"dir:{folder}/copy")


@case
def export_proves_the_bundle_first(world):
    """With --verify nothing is written of a bundle of which anything is damaged; without it an image that is whole comes."""
    folder = world.folder("export-verify")
    bundle = folder / "demo.sealift"
    call("cp", world.bundle, bundle)
    locked = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]
    members = call("tar", "-tvRf", bundle)
    block = int(re.search(rf"(?m)^block (\d+): .*{locked['files'][0]['digest'].split(':')[1]}$", members).group(1))
    flip(bundle, (block + 1) * 512 + 5)
    arguments = ["export", bundle, "registry:2.7.1", "--platform", world.own, "-o", folder / "out.tar"]
    world.refused(65, [locked["files"][0]["digest"], "docker"], *arguments, "--verify", unchanged=[folder])
    world.ok(*arguments)
    world.ok("export", world.bundle, "registry:2.7.1", "--platform", world.own, "-o", folder / "out.tar", "--verify")


@case
def artifacts_are_left_out_for_docker(world):
    """Of a bundle with an artifact, docker gets the images, also by a pattern; the artifact by its name is refused with
    the way out, and comes with oci-archive."""
    with odd_registry.odd_registry() as registry:
        registry.image("a/tool", "tool", "v1")
        registry.artifact("a/tool", "chart", artifactType="application/x.example", layers=[("text/plain", b"x")])
        bundle = collected(world, "export-artifact", registry, ["a/tool:v1", "a/tool:chart"])
        folder = bundle.parent
        for names in ([], ["a/*"]):
            world.ok("export", bundle, *names, "--platform", "linux/amd64", "-o", folder / "images.tar")
            entries = json.loads(call("tar", "-xOf", folder / "images.tar", "manifest.json"))
            equal([entry["RepoTags"] for entry in entries], [[f"{registry.place}/a/tool:v1"]], "images for docker")
        world.refused(65, ["export them as oci"], "export", bundle, f"{registry.place}/a/tool:chart", "--platform",
                      "linux/amd64", "-o", folder / "chart.tar")
        world.ok("export", bundle, "--format", "oci-archive", "-o", folder / "all.tar", "--platform", "linux/amd64")
        entries = json.loads(call("tar", "-xOf", folder / "all.tar", "index.json"))["manifests"]
        equal(len(entries), 2, "descriptors of the layout")
