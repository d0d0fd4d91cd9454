# SPDX-License-Identifier: Apache-2.0
"""apply: the store, the two built images and what is in them, checked with oracles and real peers."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import struct
from pathlib import Path

import contents
import image_id
import sealer_layer
from harness import DEMO, Store, call, case, equal, require, serving, sha256, snapshot

ALPINE = "kubernetes-rawdocker:v1.19.8-alpine"
FULL = "kubernetes-rawdocker:v1.19.8"
BASE = "kubernetes:v1.19.8"
COMMAND = "kubectl apply -f etc/tigera-operator.yaml && kubectl apply -f etc/custom-resources.yaml"


@case
def store_lists_base_and_builds(world):
    """images_metadata.json names the base and both builds; every layer of theirs has data, id and size."""
    store = Store(world.store)
    for name in (BASE, ALPINE, FULL):
        for layer in store.layers(name):
            facts = store.path / "metadata/layerdb/sha256" / layer.removeprefix("sha256:")
            equal((facts / "id").read_bytes(), layer.encode(), f"id of {layer}")
            require((facts / "size").read_text().isdecimal(), f"size of {layer}")
            json.loads((facts / "distribution_layer_digest").read_text())
            require(store.data(layer).is_dir(), f"no data of {layer}")
    raw = (store.path / "metadata/images_metadata.json").read_bytes()
    require(not raw.endswith(b"\n") and b"\n\t" in raw, "images_metadata.json is not in sealer's form")
    base = world.said["layers"][world.architectures[0]]
    equal(store.layers(BASE), base, "the base's layers")


@case
def layer_ids_agree_with_the_oracle(world):
    """The independent model computes every layer's id from the files of the store."""
    store = Store(world.store)
    require(len(store.all_layers()) >= 6, f"only {len(store.all_layers())} layers")
    for layer in store.all_layers():
        equal(sealer_layer.digest(str(store.data(layer)))[0], layer, "a layer id")


@case
def tar_split_rebuilds_each_layer(world):
    """The layer's tar put together from tar-data.json.gz and the files has the layer id as its sha256."""
    store = Store(world.store)
    for layer in store.all_layers():
        facts = store.path / "metadata/layerdb/sha256" / layer.removeprefix("sha256:")
        total = hashlib.sha256()
        with gzip.open(facts / "tar-data.json.gz", "rt") as lines:
            for position, line in enumerate(lines):
                entry = json.loads(line)
                equal(entry["position"], position, f"position in the tar-split of {layer}")
                if entry["type"] == 2:
                    total.update(base64.b64decode(entry["payload"] or ""))
                elif entry["payload"]:
                    total.update((store.data(layer) / entry["name"]).read_bytes())
        equal("sha256:" + total.hexdigest(), layer, "the rebuilt layer")


@case
def tar_split_equals_the_oracle(world):
    """The unpacked tar-split files of the small layers are the model's, byte for byte."""
    store = Store(world.store)
    compared = 0
    for layer in store.all_layers():
        data = store.data(layer)
        if sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) > 4_000_000:
            continue
        facts = store.path / "metadata/layerdb/sha256" / layer.removeprefix("sha256:")
        wanted = "".join(sealer_layer.tarsplit(str(data)))
        equal(gzip.decompress((facts / "tar-data.json.gz").read_bytes()).decode(), wanted, f"tar-split of {layer}")
        compared += 1
    require(compared >= 2, "no small layer to compare")


@case
def image_ids_agree_with_the_oracle(world):
    """The independent model finds each image's YAML and id as the store has them."""
    told = call("python3", image_id.__file__, world.store)
    equal([line for line in told.splitlines() if not re.fullmatch("OK  [0-9a-f]{64} file bytes equal", line)],
          [], "images that the model sees otherwise")
    equal(len(told.splitlines()), 3, "images in the store")


@case
def docker_binaries_lie_at_the_top(world):
    """cri/docker.tar.gz of the built rootfs holds Debian's real binaries without a folder above them."""
    files = Store(world.store).merged(FULL, world.folder("merged"))
    names = call("tar", "-tzf", files / "cri/docker.tar.gz").split()
    equal(sorted(names), sorted(contents.DOCKER_BINARIES), "names in cri/docker.tar.gz")
    ours, theirs = world.folder("ours"), world.folder("theirs")
    call("tar", "-xzf", files / "cri/docker.tar.gz", "-C", ours)
    machine = contents.MACHINE[world.architectures[0]]
    tarball = world.upstream_folder / f"www/linux/static/stable/{machine}/docker-19.03.15.tgz"
    call("tar", "-xzf", tarball, "-C", theirs, "--strip-components=1")
    for name in names:
        equal(sha256(ours / name), sha256(theirs / name), name)
        require(os.access(ours / name, os.X_OK), f"{name} is not executable")
    require("runc" in call(ours / "runc", "--version"), "runc does not run")


@case
def registry_archive_loads(world):
    """images/registry.tar is read as registry:2.7.1 by skopeo and buildah, and its layers are upstream's."""
    archive = Store(world.store).merged(ALPINE, world.folder("merged")) / "images/registry.tar"
    source = f"docker-archive:{archive}:registry:2.7.1"
    config = json.loads(call("skopeo", "inspect", "--config", source))
    upstream = f"docker://{world.registry}/docker.io/library/registry:2.7.1"
    choice = ["--override-arch", world.architectures[0]]
    wanted = json.loads(call("skopeo", *choice, "inspect", "--config", "--tls-verify=false", upstream))
    equal(config["rootfs"], wanted["rootfs"], "layers of the archive")
    listed = json.loads(call("tar", "-xOf", archive, "manifest.json"))
    equal([entry["RepoTags"] for entry in listed], [["registry:2.7.1"]], "tags of the archive")
    storage = world.folder("storage")
    options = ["--root", storage / "root", "--runroot", storage / "run", "--storage-driver", "vfs"]
    call("buildah", *options, "pull", "-q", f"docker-archive:{archive}")
    listed = call("buildah", *options, "images", "--format", "{{.Name}} {{.Tag}}").split()
    require(listed[0].endswith("/registry") and listed[1:] == ["2.7.1"], f"buildah lists {listed}")


@case
def daemon_json_lost_one_key(world):
    """etc/daemon.json is the base's text without the lines of mirror-registries, and nothing else changed."""
    files = Store(world.store).merged(FULL, world.folder("merged"))
    ours, base = (files / "etc/daemon.json").read_text(), (DEMO / "rootfs/etc/daemon.json").read_text()
    wanted = json.loads(base)
    del wanted["mirror-registries"]
    equal(list(json.loads(ours).items()), list(wanted.items()), "the settings")
    rest = iter(base.splitlines())
    require(all(line in rest for line in ours.splitlines()), f"the text was written again:\n{ours}")


@case
def calico_points_at_the_cluster_registry(world):
    """spec.registry is set, the operator's image rewritten, and no other byte of the two files changed."""
    files = Store(world.store).merged(FULL, world.folder("merged"))
    operator = (files / "etc/tigera-operator.yaml").read_text()
    base = (DEMO / "network/etc/tigera-operator.yaml").read_text()
    equal(operator, base.replace("quay.io/tigera/operator", "sea.hub:5000/tigera/operator"), "the operator")
    resources = (files / "etc/custom-resources.yaml").read_text()
    added = [line for line in resources.splitlines()
             if line not in (DEMO / "network/etc/custom-resources.yaml").read_text().splitlines()]
    require(len(added) == 1 and re.fullmatch("  registry: [\"']?sea.hub:5000[\"']?", added[0]),
            f"lines added to custom-resources.yaml: {added}")
    listed = (files / "manifests/imageList").read_text().split()
    wanted = [f"sea.hub:5000/{name}" for name in [*contents.CALICO, contents.OPERATOR]]
    equal(sorted(listed), sorted(wanted), "manifests/imageList")


@case
def image_starts_calico(world):
    """The CMD of the built image applies both files; the image is made of the alpine image's layers."""
    store = Store(world.store)
    text = " ".join(store.image(FULL)[1].split())
    require(f"current: - {COMMAND}" in text, f"no CMD in {text}")
    alpine = store.layers(ALPINE)
    equal(store.layers(FULL)[: len(alpine)], alpine, "the lower layers")
    require("value: rootfs cache" in store.image(FULL)[1], "no rootfs cache")


@case
def registry_folder_is_served(world):
    """docker-registry serves the built registry/; skopeo pulls each image, and those of the base, from it."""
    serves(world, world.store, world.architectures[0])


@case
def other_platform_is_built(world):
    """The same bundle gives the other platform's image, with its binaries and its images."""
    require(len(world.architectures) == 2, "the upstream has one platform only")
    other = world.architectures[1]
    store = world.applied("store-other", f"linux/{other}")
    files = Store(store).merged(FULL, world.folder("merged"))
    ours = world.folder("ours")
    call("tar", "-xzf", files / "cri/docker.tar.gz", "-C", ours)
    machine = struct.unpack_from("<H", (ours / "runc").read_bytes(), 18)[0]
    equal(machine, {"amd64": 62, "arm64": 183}[other], "the machine of runc")
    serves(world, store, other)


def serves(world, store, architecture):
    """Serves the merged registry/ folder and pulls every image for the platform."""
    files = Store(store).merged(FULL, world.folder("merged"))
    with serving(world, world.folder("served"), files / "registry") as place:
        own = ["coredns:1.7.0", "kube-apiserver:v1.19.8", "kube-proxy:v1.19.8", "pause:3.2"]
        for name in [*contents.CALICO, contents.OPERATOR, *own]:
            target = world.folder("pulled")
            call("skopeo", "--override-os", "linux", "--override-arch", architecture, "copy", "-q",
                 "--src-tls-verify=false", f"docker://{place}/{name}", f"dir:{target}")
            made = json.loads((target / "manifest.json").read_text())
            config = json.loads((target / made["config"]["digest"].removeprefix("sha256:")).read_text())
            equal(config["architecture"], architecture, f"the platform of {name}")
        tagged = call("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}/calico/node:v3.19.1")
        upstream = f"docker://{world.registry}/docker.io/calico/node:v3.19.1"
        equal(tagged, call("skopeo", "inspect", "--raw", "--tls-verify=false", upstream), "the tag's document")


@case
def two_applies_give_the_same_ids(world):
    """A second store, filled in another time zone and umask, holds the same layers, images and bytes."""
    previous = os.umask(0o077)
    try:
        second = world.applied("store-second", world.own, environment={"TZ": "America/New_York", "LANG": "C"})
    finally:
        os.umask(previous)
    one, two = Store(world.store), Store(second)
    equal(two.all_layers(), one.all_layers(), "layers")
    for name in (BASE, ALPINE, FULL):
        equal(two.image(name), one.image(name), name)
    for layer in one.all_layers():
        facts = Path("metadata/layerdb/sha256") / layer.removeprefix("sha256:") / "tar-data.json.gz"
        equal((second / facts).read_bytes(), (world.store / facts).read_bytes(), f"tar-split of {layer}")


@case
def apply_again_changes_nothing(world):
    """A second apply of the same bundle leaves every file of the store as it is."""
    before = snapshot(world.store)
    world.ok("apply", world.bundle, "--store", world.store, "--platform", world.own)
    after = snapshot(world.store)
    equal({path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}, set(), "changes")


@case
def apply_keeps_what_the_store_had(world):
    """Images that another program put into the store are still listed, and no file of theirs changed."""
    store = world.folder("store-shared")
    theirs = '{\n\t"registry.example/team/own:v1": {\n\t\t"manifests": []\n\t}\n}'
    (store / "metadata/imagedb").mkdir(parents=True)
    (store / "metadata/imagedb/own.yaml").write_text("kind: Image\n")
    (store / "metadata/images_metadata.json").write_text(theirs)
    before = snapshot(store / "metadata/imagedb/own.yaml")
    world.ok("apply", world.bundle, "--store", store, "--platform", world.own)
    equal(snapshot(store / "metadata/imagedb/own.yaml"), before, "the other image")
    require("registry.example/team/own:v1" in Store(store).listed, "the other image is no longer listed")


@case
def dry_run_of_apply_changes_nothing(world):
    """apply --dry-run tells its steps on standard output and writes nothing."""
    store = world.folder("store-dry")
    told = world.ok("apply", world.bundle, "--store", store, "--platform", world.own, "--dry-run")
    require(FULL in told.out, f"the plan does not name the build: {told}")
    equal(snapshot(store), {str(store): snapshot(store)[str(store)]}, "the store")


@case
def receipt_tells_what_was_built(world):
    """apply --json prints the receipt: every image with the id that the store lists."""
    store = world.folder("store-receipt")
    told = world.ok("apply", world.bundle, "--store", store, "--platform", world.own, "--json")
    receipt = json.loads(told.out)
    ids = {image["id"] for image in receipt["images"]}
    listed = {made["id"] for entry in Store(store).listed.values() for made in entry["manifests"]}
    equal(ids, listed, "image ids")
    shutil.rmtree(store)
