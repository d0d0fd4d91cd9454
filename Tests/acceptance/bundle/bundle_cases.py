# SPDX-License-Identifier: Apache-2.0
"""collect, lock, verify and inspect, checked with tar, sha256sum and skopeo."""

import filecmp
import json
import os
import re
import shutil
import signal
import subprocess
import time

import contents
from harness import Failed, call, case, equal, flip, require, sha256, snapshot

REFERENCES = [f"docker.io/{name}" for name in ["library/registry:2.7.1", *contents.CALICO]]
REFERENCES.append(f"quay.io/{contents.OPERATOR}")
BASE = "registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes:v1.19.8"


@case
def bundle_is_a_plain_tar(world):
    """GNU tar lists the bundle without a word; oci-layout and index.json come first, nothing comes twice."""
    listing = subprocess.run(["tar", "-tvf", world.bundle], text=True, capture_output=True)
    equal((listing.returncode, listing.stderr), (0, ""), "tar")
    names = call("tar", "-tf", world.bundle).splitlines()
    files = [name for name in names if not name.endswith("/")]
    equal(files[:2], ["oci-layout", "index.json"], "the first members")
    equal(len(names), len(set(names)), "members")
    strange = [name for name in files[2:] if not re.fullmatch("blobs/sha256/[0-9a-f]{64}", name)]
    equal(strange, [], "members that are not blobs")


@case
def bundle_blobs_match_their_names(world):
    """sha256sum of every member below blobs/ is its name, and the identity is that of index.json."""
    blobs = sorted((world.unpacked / "blobs/sha256").iterdir())
    require(len(blobs) > 20, f"only {len(blobs)} blobs")
    listed = "".join(f"{blob.name}  {blob}\n" for blob in blobs)
    checked = subprocess.run(["sha256sum", "--check", "--quiet"], input=listed, text=True, capture_output=True)
    equal((checked.returncode, checked.stdout), (0, ""), "sha256sum")
    identity = json.loads(world.ok("verify", world.bundle, "--json").out)["digest"]
    equal(identity, "sha256:" + sha256(world.unpacked / "index.json"), "the bundle's identity")


@case
def bundle_is_read_by_skopeo(world):
    """skopeo copies every image of every platform out of the bundle; layers are upstream's own."""
    for reference in REFERENCES:
        for architecture in world.architectures:
            target = world.folder("copied")
            choice = ["--override-os", "linux", "--override-arch", architecture]
            call("skopeo", *choice, "copy", "-q", f"oci-archive:{world.bundle}:{reference}", f"dir:{target}")
            upstream = f"docker://{world.registry}/{reference}"
            config = json.loads(call("skopeo", *choice, "inspect", "--config", "--tls-verify=false", upstream))
            ours = json.loads((target / "manifest.json").read_text())
            got = json.loads((target / ours["config"]["digest"].removeprefix("sha256:")).read_text())
            equal(got["architecture"], architecture, f"{reference} for {architecture}")
            equal(got["rootfs"], config["rootfs"], f"layers of {reference}")


@case
def bundle_keeps_upstream_digests(world):
    """The digest of each reference upstream is the one that the bundle locks, and its bytes are inside."""
    lock = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]
    locked = {image["reference"]: image["digest"] for image in lock["images"]}
    equal(sorted(locked), sorted([*REFERENCES, BASE]), "locked references")
    for reference, digest in locked.items():
        place = reference.replace("registry.cn-qingdao.aliyuncs.com", "sealer")
        raw = call("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{world.registry}/{place}")
        blob = world.unpacked / "blobs/sha256" / digest.removeprefix("sha256:")
        equal(blob.read_text(), raw, f"the top document of {reference}")


@case
def platforms_that_are_not_taken(world):
    """Of an index only the chosen platform is in the bundle; skopeo reads the index under its true digest, and pulls."""
    folder = world.folder("narrow")
    name = f"{world.registry}/docker.io/calico/node:v3.19.1"
    spec = world.spec(folder, f"version: 1\nname: narrow\nplatforms: [{world.own}]\nimages:\n  - {name}\n")
    bundle = folder / "narrow.sealift"
    world.ok("collect", spec, "-o", bundle, "--insecure", world.registry)
    raw = call("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    members = call("tar", "-tf", bundle)
    named = {part["digest"].removeprefix("sha256:"): part["platform"]["architecture"]
             for part in json.loads(raw)["manifests"]}
    equal(sorted(named.values()), sorted(world.architectures), "platforms that the upstream's index names")
    held = [named[digest] for digest in named if digest in members]
    equal(held, [world.own.split("/")[1]], "the platforms that are in the bundle")
    locked = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]["images"][0]["digest"]
    upstream = call("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}").strip()
    equal(locked, upstream, "the digest of the index")
    require(locked.removeprefix("sha256:") in members, "the index itself is not in the bundle")
    target = world.folder("copied")
    call("skopeo", "copy", "-q", f"oci-archive:{bundle}:{name}", f"dir:{target}")
    ours = json.loads((target / "manifest.json").read_text())["config"]["digest"]
    require(ours.removeprefix("sha256:") in members, "skopeo read another image")


@case
def collect_carries_every_form_of_manifest(world):
    """Single schema2, single OCI and OCI without media type are collected, and skopeo reads them."""
    folder = world.folder("forms")
    names = [f"{world.registry}/docker.io/demo/{name}:1" for name in ("schema2", "oci", "bare")]
    spec = world.spec(folder, f"version: 1\nname: forms\nplatforms: [{world.own}]\nimages:\n"
                      + "".join(f"  - {name}\n" for name in names))
    world.ok("collect", spec, "-o", folder / "forms.sealift", "--insecure", world.registry)
    for name in names:
        target = world.folder("copied")
        call("skopeo", "copy", "-q", f"oci-archive:{folder}/forms.sealift:{name}", f"dir:{target}")


@case
def collect_again_changes_nothing(world):
    """A second collect of an unchanged upstream leaves the bundle as it is, with a lock or without."""
    before = snapshot(world.bundle)
    chosen = [part for name in world.architectures for part in ("--platform", f"linux/{name}")]
    spec = world.bundle.parent / "kubernetes-rawdocker.yaml"
    world.ok("collect", spec, "-o", world.bundle, *chosen, *world.network)
    equal(snapshot(world.bundle), before, "the bundle")
    equal(sorted(path.name for path in world.bundle.parent.iterdir()), ["demo.sealift", "demo.sealift.provenance.json", spec.name], "files there")


@case
def collect_again_fetches_nothing(world):
    """With a lock, a second collect asks the upstream for no layer and no file."""
    folder = world.folder("again")
    spec, target = world.spec(folder), folder / "again.sealift"
    world.ok("lock", spec, *world.network)
    world.ok("collect", spec, "-o", target, *world.network)
    before = snapshot(folder)
    logs = [world.upstream_folder / name for name in ("nginx-access.log", "registry.log")]
    marks = [log.stat().st_size for log in logs]
    world.ok("collect", spec, "-o", target, *world.network)
    equal(snapshot(folder), before, "the folder of the bundle")
    asked = "".join(log.read_text()[mark:] for log, mark in zip(logs, marks))
    fetched = re.findall(r'"GET /(?:linux|v2/\S+/blobs)/\S+ HTTP/1.1" 20\d (\d+)', asked)
    # Configs are read again, to hold the spec against the base; they are small.
    equal([size for size in map(int, fetched) if size > 50_000], [], "layers and files asked for again")


@case
def same_lock_same_bytes(world):
    """Two collects from one lock give files that cmp calls equal, whatever the hour and the umask."""
    folder = world.folder("locked")
    spec = world.spec(folder)
    options = ["--platform", world.own, *world.network]
    world.ok("lock", spec, *world.network)
    require((folder / "kubernetes-rawdocker.lock.json").exists(), "no lock beside the spec")
    world.ok("collect", spec, "-o", folder / "one", *options)
    previous = os.umask(0o077)
    try:
        world.ok("collect", spec, "-o", folder / "two", *options, environment={"TZ": "Asia/Tokyo"})
    finally:
        os.umask(previous)
    require(filecmp.cmp(folder / "one", folder / "two", shallow=False), "the two bundles differ")


@case
def lock_drift_names_both_digests(world):
    """Where upstream changed since the lock was written, collect refuses and names both digests."""
    folder = world.folder("drift")
    (folder / "out").mkdir()
    spec = world.spec(folder, f"version: 1\nname: drift\nplatforms: [{world.own}]\nimages:\n"
                      f"  - {world.registry}/drift/image:1\n")
    insecure = ["--insecure", world.registry]
    skopeo = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"]
    target = f"docker://{world.registry}/drift/image:1"
    digests = []
    for name in ("schema2", "oci"):
        call(*skopeo, f"docker://{world.registry}/docker.io/demo/{name}:1", target)
        digests.append(call("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", target).strip())
        if name == "schema2":
            world.ok("lock", spec, *insecure)
    world.refused(65, digests, "collect", spec, "-o", folder / "out/bundle", *insecure, unchanged=[folder])


@case
def dry_run_of_collect_writes_nothing(world):
    """collect --dry-run tells the plan on standard output and creates no file."""
    folder = world.folder("dry")
    spec = world.spec(folder)
    before = snapshot(folder)
    told = world.ok("collect", spec, "-o", folder / "bundle", "--dry-run", "--platform", world.own, *world.network)
    require("calico/node:v3.19.1" in told.out, f"the plan does not name the images: {told}")
    equal(snapshot(folder), before, "the folder")


@case
def killed_collect_resumes_inside_a_file(world):
    """A collect that is killed resumes by HTTP Range and ends with the bytes of an undisturbed one."""
    folder = world.folder("killed")
    text = (f"version: 1\nname: killed\nplatforms: [{world.own}]\nfiles:\n  docker:\n"
            f"    url: {world.said['web']}/slow/linux/static/stable/{{machine}}/docker-19.03.15.tgz\n")
    spec = world.spec(folder, text)
    insecure = ["--insecure", world.said["web"].removeprefix("http://")]
    world.ok("lock", spec, *insecure)
    partial = folder / "out.sealift.partial"
    running = subprocess.Popen([world.sealift, "collect", spec, "-o", folder / "out.sealift", *insecure],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: allocated(partial) > 0, running)
        time.sleep(2)
        running.send_signal(signal.SIGKILL)
    finally:
        running.kill()
        running.wait()
    require(not (folder / "out.sealift").exists(), "a killed collect left a bundle")
    log = world.upstream_folder / "nginx-access.log"
    mark = log.stat().st_size
    world.ok("collect", spec, "-o", folder / "out.sealift", *insecure)
    require('" 206 ' in log.read_text()[mark:], f"no range was asked for: {log.read_text()[mark:]}")
    world.ok("collect", spec, "-o", folder / "other.sealift", *insecure)
    require(filecmp.cmp(folder / "out.sealift", folder / "other.sealift", shallow=False), "the bytes differ")


def allocated(path):
    return path.stat().st_size if path.exists() else 0


def wait_until(condition, process):
    """Waits for the condition while the process runs."""
    for _ in range(600):
        if condition():
            return
        if process.poll() is not None:
            raise Failed(f"sealift ended with {process.returncode} before it could be killed")
        time.sleep(0.05)
    raise Failed("nothing was written in 30 seconds")


@case
def volumes_are_one_bundle(world):
    """A split bundle is verified and applied from its volumes, `cat` makes one tar of them, a missing one is named."""
    folder = world.folder("volumes")
    spec = world.spec(folder)
    bundle = folder / "split.sealift"
    world.ok("collect", spec, "-o", bundle, "--platform", world.own, "--no-tool", "--volume-size", "20MB", *world.network)
    volumes = sorted(folder.glob("split.sealift.0*"))
    require(len(volumes) > 2 and not bundle.exists(), f"volumes: {volumes}")
    require(all(volume.stat().st_size == 20_000_000 for volume in volumes[:-1]), "sizes of the volumes")
    world.ok("verify", bundle)
    store = world.folder("volumes-store")
    world.ok("apply", volumes[0], "--store", store, "--platform", world.own)
    with open(folder / "whole.sealift", "wb") as whole:
        for volume in volumes:
            whole.write(volume.read_bytes())
    world.ok("verify", folder / "whole.sealift")
    require("index.json" in call("tar", "-tf", folder / "whole.sealift"), "no tar came of the volumes")
    volumes[1].rename(folder / "elsewhere")
    world.refused(66, ["split.sealift[.]002"], "verify", bundle)


@case
def registries_of_the_spec_are_asked(world):
    """`registries:` names a mirror without any --mirror, and `lock` uses it too."""
    folder = world.folder("registries")
    spec = world.spec(folder, f"version: 1\nname: mirrored\nplatforms: [{world.own}]\n"
                      f"images:\n  - {contents.CALICO[0]}\n"
                      f"registries:\n  docker.io: {world.registry}/docker.io\n")
    world.ok("lock", spec, "--insecure", world.registry)
    world.ok("collect", spec, "-o", folder / "mirrored.sealift", "--insecure", world.registry)
    require("docker.io/" + contents.CALICO[0] in call("tar", "-xOf", folder / "mirrored.sealift", "index.json"),
            "the image has lost its own name")


@case
def verify_finds_a_flipped_bit(world):
    """One flipped bit in the last blob, or a missing tail, is found by verify and refused by apply."""
    folder = world.folder("flipped")
    copy = folder / "demo.sealift"
    shutil.copy(world.bundle, copy)
    flip(copy, -40_000)
    world.refused(65, ["sha256:[0-9a-f]{8}"], "verify", copy, unchanged=[folder])
    os.truncate(copy, copy.stat().st_size // 2)
    world.refused((65, 66), ["demo.sealift"], "verify", copy, unchanged=[folder])
    store = world.folder("flipped-store")
    world.refused((65, 66), ["demo.sealift"], "apply", copy, "--store", store, unchanged=[folder, store])


@case
def inspect_tells_what_is_inside(world):
    """inspect names every image, the file and both builds; --json is one JSON document."""
    told = world.ok("inspect", world.bundle).out
    for word in [*contents.CALICO, "registry:2.7.1", contents.OPERATOR, "docker-19.03.15.tgz",
                 "kubernetes-rawdocker:v1.19.8-alpine", *world.architectures]:
        require(word in told, f"inspect does not tell {word}:\n{told}")
    spec = json.loads(world.ok("inspect", world.bundle, "--json").out)["spec"]
    equal(len(spec["builds"]), 2, "builds in the JSON")
