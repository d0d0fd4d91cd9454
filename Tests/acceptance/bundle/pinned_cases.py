# SPDX-License-Identifier: Apache-2.0
"""References with a digest, and image lists as other tools write them."""

import json

from harness import case, require
from refusal_base_cases import GOOD, mini_base

OPERATOR = "quay.io/tigera/operator:v1.17.4"


def digests(world, folder, text):
    """What each reference of a spec resolves to upstream, as `lock` writes it."""
    spec = world.spec(folder, text)
    world.ok("lock", spec, *world.network)
    lock = spec.with_suffix(".lock.json")
    found = {image["reference"]: image["digest"] for image in json.loads(lock.read_text())["images"]}
    lock.unlink()
    return found


@case
def pinned_references_are_their_images(world):
    """A digest beside a tag changes nothing that is built: in images, imageList, save, FROM, manifests, lists, export."""
    folder, store = world.folder("pinned-all"), world.folder("pinned-all-store")
    files = {**GOOD, "manifests/imageList": "\ufeff# ours\r\nquay.io/tigera/operator:v1.17.4 # the operator\r\n".encode()}
    text = mini_base(world, "allpinned", files)
    known = digests(world, folder, text)
    operator, base = known[OPERATOR], known[f"{world.registry}/mini/allpinned:1"]
    files["manifests/pod.yaml"] = f"image: {OPERATOR}@{operator}\n---\nimage: quay.io/tigera/operator@{operator}\n".encode()
    text = mini_base(world, "allpinned", files)
    base = digests(world, folder, text)[f"{world.registry}/mini/allpinned:1"]
    text = (text.replace("/mini/allpinned:1\n", f"/mini/allpinned:1@{base}\n")
            .replace(f"  - {OPERATOR}\n", f"  - {OPERATOR}@{operator}\n")
            .replace("      - imageList: [tigera/*]\n",
                     f"      - put: images/operator.tar\n        save: {OPERATOR}@{operator}\n"
                     "      - imageList: [tigera/*]\n")
            .replace("FROM scratch\n", f"FROM {world.registry}/mini/allpinned:1@{base}\n"))
    spec = world.spec(folder, text)
    bundle = folder / "mini.sealift"
    world.ok("collect", spec, "-o", bundle, *world.network)
    world.ok("apply", bundle, "--store", store, "--platform", world.own)
    world.ok("apply", bundle, "--store", store, "--platform", world.own, "--verify")
    listed = json.loads((store / "metadata/images_metadata.json").read_text())
    require(not any("@" in name for name in listed), f"a name with a digest is listed: {sorted(listed)}")
    require(any(store.glob("data/overlay2/*/registry/docker/registry/v2/repositories/tigera/operator/_manifests/"
                           f"revisions/sha256/{operator.removeprefix('sha256:')}/link")), "the image was not saved")
    world.ok("export", bundle, f"{OPERATOR}@{operator}", "-o", folder / "out.tar")


@case
def a_pin_of_other_content_is_refused(world):
    """A digest in save that its image does not have is refused by collect, with the place and both digests."""
    folder = world.folder("pinned-wrong")
    other = "sha256:" + "ab" * 32
    text = mini_base(world, "wrongpin", GOOD).replace(
        "      - imageList: [tigera/*]\n",
        f"      - put: images/operator.tar\n        save: {OPERATOR}@{other}\n      - imageList: [tigera/*]\n")
    spec = world.spec(folder, text)
    world.refused(65, ["rawdocker.yaml:[0-9]+:[0-9]+", other], "collect", spec, "-o", folder / "mini.sealift", *world.network,
                  unchanged=[folder])
