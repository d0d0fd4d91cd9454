# SPDX-License-Identifier: Apache-2.0
"""How apply builds: RUN and ARG, archives for sealer 0.9 and later, the real sealer."""

import json
import os
import random
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import sealer_layer
from harness import Skipped, Store, call, case, equal, require, serving
from refusal_base_cases import GOOD, mini_base

NAME = "mini/{}-built:1"


def spec_of(world, name, kubefile, files=GOOD):
    """Writes the spec of a small base of `files` whose one build has `kubefile`; gives its path."""
    folder = world.folder(f"build-{name}")
    text = mini_base(world, name, files)
    head, _, _ = text.partition("    kubefile: |\n")
    lines = "".join(f"      {line}\n" for line in kubefile.splitlines())
    return world.spec(folder, f"{head}    kubefile: |\n{lines}")


def bundle(world, name, kubefile, files=GOOD):
    """Collects a bundle of a small base of `files` whose one build has `kubefile`; gives its path."""
    spec = spec_of(world, name, kubefile, files)
    made = spec.parent / "mini.sealift"
    world.ok("collect", spec, "-o", made, *world.network)
    return made


def apply(world, bundle, store, *options, **more):
    return world.ok("apply", bundle, "--store", store, "--platform", world.own, "--allow-run", *options, **more)


@case
def run_is_reproducible_and_takes_arguments(world):
    """RUN makes equal layers in two stores; --build-arg changes it, and only a name that a Kubefile has is taken."""
    made = bundle(world, "run", "FROM scratch\nARG Word=one\nCOPY . .\nRUN echo \"$Word\" > said && rm etc/daemon.json\n"
                  "COPY imageList manifests\nCMD cat said\n")
    places = [world.folder(f"build-run-{number}") for number in range(2)]
    for place in places:
        apply(world, made, place)
    stores = [Store(place) for place in places]
    name = NAME.format("run")
    equal(stores[0].layers(name), stores[1].layers(name), "the layers of two stores")
    run = stores[0].data(stores[0].layers(name)[1])
    equal((run / "said").read_text(), "one\n", "what RUN wrote")
    gone = (run / "etc/daemon.json").lstat()
    require(stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0, "what RUN removed is no whiteout")
    for layer in stores[0].layers(name):
        equal(sealer_layer.digest(str(stores[0].data(layer)))[0], layer, "a layer id")
    again = apply(world, made, stores[1].path, "--build-arg", "Word=two")
    require("nothing to do" not in again.err, f"another argument was passed over: {again}")
    changed = stores[1].data(Store(places[1]).layers(name)[1])
    equal((changed / "said").read_text(), "two\n", "what RUN wrote with the argument")
    require("nothing to do" in apply(world, made, stores[1].path, "--build-arg", "Word=two").err,
            "an equal apply built again")
    world.refused(64, ["Wort", "Word"], "apply", made, "--store", stores[1].path, "--platform", world.own,
                  "--build-arg", "Wort=x", unchanged=[stores[1].path])


@case
def archives_are_read_by_podman_and_skopeo(world):
    """--output oci-archive writes each built image with sealer 0.9's annotation; podman loads it as it is."""
    made = bundle(world, "archive", "FROM scratch\nCOPY . .\nRUN echo x > y\nCOPY imageList manifests\nCMD cat y\n")
    place, folder = world.folder("build-archive-store"), world.folder("build-archive-out")
    apply(world, made, place, "--output", f"oci-archive:{folder}")
    store = Store(place)
    archive = folder / f"archive-built_1_{world.own.replace('/', '-')}.tar"
    equal(os.listdir(folder), [archive.name], "the archives")
    name = f"registry.cn-qingdao.aliyuncs.com/{NAME.format('archive')}"
    manifest = json.loads(call("skopeo", "inspect", "--raw", f"oci-archive:{archive}"))
    facts = json.loads(manifest["annotations"]["sealer.image.extension"])
    equal(facts["launch"], {"cmds": ["cat y"]}, "what sealer starts")
    equal((facts["type"], facts["schemaVersion"]), ("kube-installer", "v1alpha1"), "the kind of image")
    equal([layer["digest"] for layer in manifest["layers"]], store.layers(NAME.format("archive")), "the layers")
    # podman takes no long path here.
    place = tempfile.mkdtemp(prefix="podman.")
    try:
        podman = ["podman", "--root", f"{place}/root", "--runroot", f"{place}/run", "--storage-driver", "vfs"]
        call(*podman, "load", "-q", "-i", archive)
        loaded = json.loads(call(*podman, "inspect", "--type", "image", name))
        equal(loaded[0]["RootFS"]["Layers"], store.layers(NAME.format("archive")), "the layers that podman loaded")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@case
def what_a_build_lacks_is_told_before_it_begins(world):
    """Images that manifests name and the bundle lacks are listed, all of them, and no RUN has run."""
    marker = world.folder("build-lacking-marker") / "ran"
    files = dict(GOOD) | {"manifests/a.tmpl": b"image: no/one:v1\n", "manifests/b/c.tmpl": b"myimage: 'no/two:v2'\n"}
    spec = spec_of(world, "lacking", f"FROM scratch\nCOPY . .\nRUN touch {marker}\n", files)
    world.refused(66, ["manifests/a.tmpl:1: no/one:v1", "manifests/b/c.tmpl:1: no/two:v2"], "collect", spec,
                  "-o", spec.parent / "mini.sealift", *world.network)
    require(not marker.exists(), "a RUN ran, and wrote to the host")


@case
def builder_sealer_is_isolated_and_held_to_its_result(world):
    """A program in sealer's place sees only the bundle as registries and changes nothing; what it does not build is told."""
    made = bundle(world, "stand-in", "FROM scratch\nCOPY . .\nCOPY imageList manifests\n")
    folder, store = world.folder("build-stand-in-program"), world.folder("build-stand-in-store")
    world.refused(66, ["sealer", "native"], "apply", made, "--store", store, "--platform", world.own, "--builder", "sealer",
                  "--sealer", folder / "none")
    program = folder / "sealer"
    program.write_text(
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'build --mode lite' ] || exit 9\n"
        "for host in sea.hub:5000 quay.io; do\n"
        "  curl -sf http://$host/v2/tigera/operator/manifests/v1.17.4 >/dev/null && echo $host answers\ndone\n"
        "cat /proc/net/route | wc -l\nmodprobe overlay && echo modprobe\n"
        f"touch /etc/x {folder}/x 2>/dev/null || echo read-only\n"
        "touch /var/lib/sealer/leftover\nexit 3\n")
    program.chmod(0o755)
    arguments = ["apply", made, "--store", store, "--platform", world.own, "--builder", "sealer", "--sealer", program]
    world.refused(69, ["status 3", "sea.hub:5000 answers", "quay.io answers", "modprobe", "read-only"],
                  *arguments)
    require(not os.path.exists("/etc/x") and not (folder / "x").exists(), "the program changed the host")
    require(str(folder) not in open("/proc/self/mountinfo").read(), "a mount was left")
    program.write_text("#!/bin/sh\nexit 0\n")
    world.refused(65, ["does not list the image"], *arguments)
    # What the native builder has built counts as nothing that sealer built.
    other = world.folder("build-stand-in-other-store")
    apply(world, made, other)
    world.refused(65, ["does not list the image"], "apply", made, "--store", other, "--platform", world.own,
                  "--builder", "sealer", "--sealer", program)
    require("nothing to do" in apply(world, made, other).err, "the refused build changed what the native builder did")


@case
def the_real_sealer_builds_and_is_built_from(world):
    """With a real sealer 0.8 in PATH (or TEST_SEALER): its images are the native ones' but for its own times."""
    program = os.environ.get("TEST_SEALER") or shutil.which("sealer")
    if not program:
        raise Skipped("there is no sealer in PATH, and TEST_SEALER names none")
    made = bundle(world, "real", "FROM scratch\nARG Word=one\nCOPY . .\nRUN echo $Word > said\nCOPY imageList manifests\n"
                  "CMD cat said\n")
    places = [world.folder(f"build-real-{name}") for name in ("native", "sealer")]
    apply(world, made, places[0], "--build-arg", "Word=two")
    apply(world, made, places[1], "--build-arg", "Word=two", "--builder", "sealer", "--sealer", program)
    native, real = map(Store, places)
    name = NAME.format("real")
    one, two = native.layers(name), real.layers(name)
    equal(len(two), len(one), "the number of layers")
    # A COPY of files that have their times is the same layer; RUN, folders and registry/ have times of the build,
    # and a registry/ that sealer wrote has empty folders for uploads.
    equal(two[0], one[0], "the layer of COPY . .")
    for layer, other in zip(one, two):
        equal(sealer_layer.digest(str(real.data(other)))[0], other, "the id of a layer that sealer built")
        call("diff", "-r", "-x", "_uploads", native.data(layer), real.data(other))
    with serving(world, world.folder("build-real-serve"), real.data(two[-1]) / "registry") as address:
        call("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{address}/tigera/operator:v1.17.4")
    equal(os.listdir(real.path / ".sealift"), ["lock"], "what is left of sealer's store")


@case
def run_needs_consent(world):
    """RUN is marked by inspect and the plan, and runs only with --allow-run, a trusted signature, or a yes at a terminal."""
    made = bundle(world, "consent", "FROM scratch\nCOPY . .\nRUN echo x > y \u202e. . YPOC\nCOPY imageList manifests\n")
    store, folder = world.folder("consent-store"), world.folder("consent-keys")
    command = ("apply", made, "--store", store, "--platform", world.own)
    mark = r"RUN echo x > y \\u202e\. \. YPOC.*runs on "
    require(re.search(mark, world.ok("inspect", made).out), "inspect does not show the RUN")
    require(re.search(mark, world.ok(*command, "--dry-run").out), "the plan does not show the RUN")
    world.refused(77, ["you have not agreed", "--allow-run"], *command, unchanged=[store])
    for answer, code in (("n", 77), ("yes", 0)):
        typed = f"stty -echo; {world.sealift} apply {made} --store {store} --platform {world.own}"
        process = subprocess.run(["script", "-qefc", typed, "/dev/null"], input=answer + "\n", text=True,
                                 capture_output=True, timeout=120)
        equal(process.returncode, code, f"the answer {answer}: {process.stdout}")
        require("run this command on this host?" in process.stdout and "line 3: RUN echo x" in process.stdout, process.stdout)
    signed = folder / "signed.sealift"
    shutil.copy(made, signed)
    world.ok("keygen", folder / "ops")
    world.ok("sign", signed, "--key", folder / "ops.key")
    world.ok("apply", signed, "--store", world.folder("consent-signed"), "--platform", world.own, "--key", folder / "ops.pub")


@case
def a_run_ends_with_sealift(world):
    """Of an apply that is killed, no process of its RUN lives on, not even one that took another identity and session."""
    mark = str(random.randrange(10**8, 10**9))
    program = f"import os,time; os.setegid(1); os.setegid(0); os.fork() or os.setsid(); time.sleep({mark})"
    made = bundle(world, "outlive", f'FROM scratch\nCOPY . .\nRUN exec python3 -c \\"{program}\\"\nCOPY imageList manifests\n')
    found = lambda: [path for path in Path("/proc").glob("[0-9]*/cmdline") if f"({mark})".encode() in contents_of(path)]
    applying = subprocess.Popen([world.sealift, "apply", made, "--store", world.folder("outlive-store"), "--platform", world.own,
                                 "--allow-run"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: len(found()) >= 2, "the RUN does not run")
    finally:
        applying.kill()
        applying.wait()
    eventually(lambda: not found(), "a process of the RUN lives on")


def contents_of(path):
    """The bytes of a file of /proc, none where its process is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def eventually(condition, otherwise):
    """Asks for ten seconds, then fails."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    require(False, otherwise)


@case
def an_older_bundle_is_reported(world):
    """A bundle that another one of its name has replaced in the store is called older before anything changes."""
    kubefile = "FROM scratch\nCOPY . .\nCOPY imageList manifests\nCMD echo {}\n"
    folder, places = world.folder("older-bundles"), []
    for number in (1, 2):
        places.append(folder / f"{number}.sealift")
        shutil.copy(bundle(world, "older", kubefile.format(number)), places[-1])
    store = world.folder("older-store")
    for place in places:
        require("is older" not in apply(world, place, store).err, f"{place} is new")
    require("is older than what the store has" in apply(world, places[0], store, "--dry-run").err, "not reported")
    require("is older" not in apply(world, places[1], store, "--dry-run").err, "the newest is called older")
    world.ok("apply", "--rollback", "--store", store)
    require("is older" not in apply(world, places[0], store, "--dry-run").err, "what is undone counts")
