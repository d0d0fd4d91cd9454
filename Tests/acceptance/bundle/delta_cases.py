# SPDX-License-Identifier: Apache-2.0
"""What is carried a second time and what is not: --since, --reuse, volumes of other bundles."""

import filecmp
import json
import re
import shutil

from harness import case, equal, flip, require, snapshot


def asked(world, marks=None):
    """Sizes of the layers and files over 300 kB that the upstream sent since `marks`; without: where its logs end."""
    logs = [world.upstream_folder / name for name in ("nginx-access.log", "registry.log")]
    if marks is None:
        return [log.stat().st_size for log in logs]
    said = "".join(log.read_text()[mark:] for log, mark in zip(logs, marks))
    sent = re.findall(r'"GET /(?:linux|v2/\S+/blobs)/\S+ HTTP/1.1" 20\d (\d+)', said)
    return [size for size in map(int, sent) if size > 300_000]


def more(world, folder):
    """The real spec for this machine's platform, with one image more."""
    spec = world.spec(folder)
    platforms = ", ".join(f"linux/{name}" for name in world.architectures)
    image = f"{world.registry}/docker.io/demo/oci:1"
    text = spec.read_text().replace(f"[{platforms}]", f"[{world.own}]")
    spec.write_text(text.replace("\nimages:\n", f"\nimages:\n  - {image}\n"))
    return spec, image


def options(world):
    return ["--platform", world.own, "--insecure", world.registry, *world.network]


@case
def delta_carries_what_is_new(world):
    """--since leaves out what the old bundle has; inspect tells it, apply wants the old one and ends with the same ids."""
    folder = world.folder("delta")
    spec, image = more(world, folder)
    delta = folder / "delta.sealift"
    told = json.loads(world.ok("collect", spec, "-o", delta, "--since", world.bundle, "--json",
                               *options(world)).out)
    require(told["required"] > 10 and told["requiredBytes"] > 20 * delta.stat().st_size, f"no delta: {told}")
    shown = world.ok("inspect", delta).out
    require("required, and not in it" in shown and "calico/node:v3.19.1" in shown, f"inspect: {shown}")
    facts = json.loads(world.ok("inspect", delta, "--json").out)
    equal(len(facts["required"]), told["required"], "blobs that inspect requires")
    require(all(item["missing"] for item in facts["required"]), "what is not there is missing")
    found = json.loads(world.ok("inspect", delta, "--with", world.bundle, "--json").out)["required"]
    require(not any(item["missing"] for item in found), f"the old bundle has them: {found}")
    require("a delta without" in world.ok("verify", delta).err, "verify does not say that it is a delta")
    whole = world.ok("verify", delta, "--with", world.bundle)
    require("all of them were read" in whole.err, f"verify --with: {whole}")

    store = world.folder("delta-store")
    arguments = ["apply", delta, "--store", store, "--platform", world.own]
    world.refused(66, ["delta", "calico/node:v3.19.1", "--with", "sha256:[0-9a-f]{64}"], *arguments,
                  unchanged=[store, folder])
    world.refused(66, ["--with", "sha256:[0-9a-f]{64}"], *arguments[:3], store, "--platform", world.own,
                  "--with", delta, unchanged=[store, folder])
    got = json.loads(world.ok(*arguments, "--with", world.bundle, "--json").out)
    wanted = json.loads(world.ok("apply", world.bundle, "--store", world.store, "--platform", world.own,
                                 "--json").out)
    equal([image["id"] for image in got["images"]], [image["id"] for image in wanted["images"]], "image ids")
    world.ok(*arguments)  # what is done already needs no old bundle


@case
def delta_against_an_inventory(world):
    """--since takes an inventory: blobs and layers that it lists are left out, and a store with them needs no --with."""
    folder = world.folder("since-inventory")
    spec, _ = more(world, folder)
    store = folder / "store"
    shutil.copytree(world.store, store, symlinks=True)
    layers = sorted("sha256:" + path.name for path in (store / "metadata/layerdb/sha256").iterdir())
    (folder / "host.json").write_text(json.dumps({"version": 1, "blobs": [], "layers": layers}))
    delta = folder / "delta.sealift"
    told = json.loads(world.ok("collect", spec, "-o", delta, "--since", folder / "host.json", "--json",
                               *options(world)).out)
    equal(told["required"], 4, "layers of the base that are left out")
    world.ok("apply", delta, "--store", store, "--platform", world.own)
    empty = world.folder("since-empty")
    world.refused(66, ["registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes:v1.19.8"], "apply", delta,
                  "--store", empty, "--platform", world.own, unchanged=[empty])
    for text, words in [('{"version": 1, "blobs": ["sha256:12"], "layers": []}', ["line 1", "host.json"]),
                        ('{"version": 2, "blobs": [], "layers": []}', ["version is 2"]),
                        ('{"version": 1, "blobs": [], "layer": []}', ["layer"])]:
        (folder / "host.json").write_text(text)
        world.refused(65, words, "collect", spec, "-o", folder / "none", "--since", folder / "host.json",
                      *options(world), unchanged=[folder])
    world.refused(66, ["nowhere"], "collect", spec, "-o", folder / "none", "--since", folder / "nowhere",
                  *options(world), unchanged=[folder])


@case
def reuse_fetches_only_what_is_new(world):
    """--reuse, and the bundle that is renewed, serve what they have: the same bytes, and no layer from the network."""
    folder = world.folder("reuse")
    spec, _ = more(world, folder)
    world.ok("lock", spec, *options(world)[2:])
    world.ok("collect", spec, "-o", folder / "fresh", *options(world))
    old = world.bundle
    marks = asked(world)
    told = json.loads(world.ok("collect", spec, "-o", folder / "reused", "--reuse", old, "--json",
                               *options(world)).out)
    equal(asked(world, marks), [], "layers and files asked for in spite of --reuse")
    require(0 < told["fetched"] < 300_000 < told["copied"], f"only the new layer is to be fetched: {told}")
    require(filecmp.cmp(folder / "fresh", folder / "reused", shallow=False), "the bytes differ")
    shutil.copy(world.bundle, folder / "renewed")
    marks = asked(world)
    world.ok("collect", spec, "-o", folder / "renewed", *options(world))
    equal(asked(world, marks), [], "layers and files asked for when a bundle was renewed")
    require(filecmp.cmp(folder / "fresh", folder / "renewed", shallow=False), "the renewed bytes differ")
    world.refused(66, ["nowhere"], "collect", spec, "-o", folder / "none", "--reuse", folder / "nowhere",
                  *options(world), unchanged=[folder])


@case
def reuse_of_a_damaged_bundle_fetches(world):
    """What is damaged in a bundle to reuse is fetched instead, with a note, and the result is right."""
    folder = world.folder("reuse-damaged")
    spec = world.spec(folder)
    shutil.copy(world.bundle, folder / "old")
    blob = max(json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["files"],
               key=lambda file: file["size"] * (file["platform"] == world.own))
    data = (folder / "old").read_bytes()
    place = data.index(b"blobs/sha256/" + blob["digest"].removeprefix("sha256:").encode()) + 512 + 1000
    flip(folder / "old", place)
    told = world.ok("collect", spec, "-o", folder / "new", "--reuse", folder / "old", *options(world))
    require(f"{blob['digest']} is damaged in" in told.err, f"no note of the damage: {told}")
    world.ok("verify", folder / "new")


@case
def foreign_volume_inside_a_blob(world):
    """A volume of another run in the middle of one large blob is named by verify; apply changes nothing."""
    folder = world.folder("foreign-volume")
    spec = world.spec(folder)
    bundle = folder / "split.sealift"
    world.ok("collect", spec, "-o", bundle, "--reuse", world.bundle, "--no-tool", "--volume-size", "8MB", *options(world))
    volumes = sorted(folder.glob("split.sealift.0*"))
    # The docker tarball fills whole volumes: the bytes of two of them are exchanged, no header is touched.
    inner = [volume for volume in volumes[1:-1] if b"ustar\x0000" not in volume.read_bytes()]
    require(len(inner) > 1, f"no volume lies within one blob: {volumes}")
    foreign, other = inner[0], inner[1]
    foreign.write_bytes(other.read_bytes())
    world.refused(65, [foreign.name, "docker"], "verify", bundle, unchanged=[folder])
    store = world.folder("foreign-store")
    world.refused(65, ["docker"], "apply", bundle, "--store", store, "--platform", world.own)
    equal(list(store.iterdir()), [], "what a refused bundle leaves in an empty folder")


@case
def deltas_in_volumes(world):
    """A delta may be split, and its old bundle too: inspect, verify and diff take them as they take files."""
    folder = world.folder("delta-volumes")
    spec, _ = more(world, folder)
    old, new = folder / "old", folder / "new"
    plain = world.spec(world.folder("delta-volumes-old"))
    world.ok("collect", plain, "-o", old, "--reuse", world.bundle, "--no-tool", "--volume-size", "30MB", *options(world))
    world.ok("collect", spec, "-o", new, "--since", folder / "old.001", "--no-tool", "--volume-size", "150kB", *options(world))
    require(len(list(folder.glob("new.0*"))) > 1, "the delta is one file")
    told = world.ok("verify", new, "--with", old)
    require("all of them were read" in told.err, f"verify: {told}")
    require("a delta" in world.ok("verify", f"{new}.001").err, "verify from the first volume")
    require("1 added: " in world.ok("diff", old, new).out, "diff of volumes")
    flip(folder / "old.002", 1000)
    world.refused(65, ["old[.]002"], "verify", new, "--with", old, unchanged=[folder])


@case
def diff_tells_bytes_by_name(world):
    """diff names what came, with its bytes; a delta counts with what it requires."""
    folder = world.folder("diff")
    spec, image = more(world, folder)
    whole, delta = folder / "whole", folder / "delta"
    world.ok("collect", spec, "-o", whole, "--reuse", world.bundle, *options(world))
    world.ok("collect", spec, "-o", delta, "--reuse", whole, "--since", world.bundle, *options(world))
    before = snapshot(folder)
    for newer in (whole, delta):
        told = world.ok("diff", world.bundle, newer).out
        require(re.search(rf"(?m)^\+ {re.escape(image)} .*\d", told), f"the new image has no line: {told}")
        facts = json.loads(world.ok("diff", world.bundle, newer, "--json").out)
        require(facts["kept"] > 20_000_000 and facts["added"] < 1_000_000, f"bytes: {facts}")
    equal(json.loads(world.ok("diff", whole, delta, "--json").out)["changes"], [], "a delta and its whole")
    equal(snapshot(folder), before, "the folder")
