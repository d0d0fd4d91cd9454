# SPDX-License-Identifier: Apache-2.0
"""The recorded ids are met on every host, and a record that is not met is named."""

import hashlib
import json
import os
import tarfile

import images
from harness import case, equal, medium, require
from refusal_base_cases import GOOD, mini_base


def sha(data):
    return hashlib.sha256(data).hexdigest()


def with_other_record(source, target, old, new):
    """The bundle with `new` in place of the last `old` in its document, its digests and names made right again."""
    with tarfile.open(source) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    index = members["index.json"]
    leader = json.loads(index)["manifests"][0]["digest"].split(":")[1]
    manifest = members[f"blobs/sha256/{leader}"]
    config = json.loads(manifest)["config"]["digest"].split(":")[1]
    document = members[f"blobs/sha256/{config}"]
    head, _, tail = document.rpartition(old.encode())
    require(head and len(old) == len(new), f"{old} is not recorded")
    changed = head + new.encode() + tail
    lead = manifest.replace(config.encode(), sha(changed).encode())
    contents = {"index.json": index.replace(leader.encode(), sha(lead).encode()), f"blobs/sha256/{leader}": lead,
                f"blobs/sha256/{config}": changed}
    names = {f"blobs/sha256/{leader}": f"blobs/sha256/{sha(lead)}", f"blobs/sha256/{config}": f"blobs/sha256/{sha(changed)}"}
    data = bytearray(source.read_bytes())
    with tarfile.open(source) as tar:
        for member in tar:
            if member.name in contents:
                data[member.offset_data:member.offset_data + member.size] = contents[member.name]
            if member.name in names:
                header = data[member.offset:member.offset + 512]
                name = names[member.name].encode()
                header[:len(name)] = name
                header[148:156] = b" " * 8
                header[148:156] = b"%06o\0 " % sum(header)
                data[member.offset:member.offset + 512] = header
    target.write_bytes(data)


@case
def a_record_that_is_not_met_is_named(world):
    """A bundle that records another layer, or another image id, is whole for verify; apply builds, names the first
    difference and lists nothing."""
    require(os.geteuid() == 0, "this case needs root")
    folder = world.folder("outcome-other")
    made = folder / "mini.sealift"
    world.ok("collect", world.spec(folder, mini_base(world, "outcome-other", GOOD)), "-o", made, *world.network)
    built = json.loads(world.ok("inspect", made, "--json").out)["outcome"]["images"][1]
    layer = built["layers"][-1].removeprefix("sha256:")
    for name, old, words in [("layer", layer, [f"layer {len(built['layers'])} of", layer, "records sha256:0000"]),
                             ("id", built["id"], ["its id is", built["id"], "records 0000"])]:
        other, store = folder / f"{name}.sealift", world.folder(f"outcome-store-{name}")
        with_other_record(made, other, old, "0000" + old[4:])
        world.ok("verify", other)
        world.refused(65, words, "apply", other, "--store", store, "--platform", world.own)
        listed = store / "metadata/images_metadata.json"
        require(not listed.exists() or "outcome-other-built" not in listed.read_text(), "the image is listed")


@case
def ids_are_equal_on_all_hosts(world):
    """Other accounts, none at all, umask 077, a store on tmpfs, another locale, a relative store: the ids are those recorded."""
    require(os.geteuid() == 0, "this case needs root")
    folder = world.folder("outcome-hosts")
    made = folder / "mini.sealift"
    world.ok("collect", world.spec(folder, mini_base(world, "outcome-hosts", GOOD)), "-o", made, *world.network)
    recorded = [image["id"] for image in json.loads(world.ok("inspect", made, "--json").out)["outcome"]["images"]]
    (folder / "accounts").write_text("toor:x:0:0::/:/bin/sh\nwheel:x:1:\n")
    (folder / "none").write_text("")

    def accounts(name):
        script = f"mount --bind {folder}/{name} /etc/passwd; mount --bind {folder}/{name} /etc/group; exec \"$@\""
        return ["unshare", "-m", "sh", "-ec", script, "sh"]

    def ids(store, **options):
        out = world.ok("apply", made, "--store", store, "--platform", world.own, "--json", **options).out
        return [image["id"] for image in json.loads(out)["images"]]

    hosts = {"accounts": {"prefix": accounts("accounts")}, "none": {"prefix": accounts("none")},
             "umask": {"prefix": ["sh", "-c", "umask 077; exec \"$@\"", "sh"]},
             "locale": {"environment": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}}}
    for name, options in hosts.items():
        equal(ids(world.folder(f"outcome-host-{name}"), **options), recorded, f"ids on the host '{name}'")
    with medium(world.folder("outcome-host-tmpfs"), "size=64m") as place:
        equal(ids(place / "store"), recorded, "ids on tmpfs")
    equal(ids("store", cwd=world.folder("outcome-host-relative")), recorded, "ids in a relative store")


def container(world, name, diff_ids, layers):
    """Pushes a container image whose config says `diff_ids`."""
    architecture = world.architectures[0]
    rootfs = {} if diff_ids is None else {"rootfs": {"type": "layers", "diff_ids": diff_ids}}
    config = images.Blob(images.DOCKER["config"], json.dumps({"architecture": architecture, "os": "linux", **rootfs}).encode())
    blobs = [images.Blob(images.DOCKER["layer"], layer) for layer in layers]
    made = images.manifest(images.DOCKER, config, blobs)
    images.push(images.listed_image(f"{name}:1", images.DOCKER, {architecture: (made, [config, *blobs])}),
                f"http://{world.registry}", "mini")
    return f"{world.registry}/mini/{name}:1"


@case
def images_that_no_node_could_pull_are_refused(world):
    """Configs that name no layers, too few, others, or a layer that is not a tar: the image's place is named."""
    one, two = (images.tar(images.files([images.Entry(name, 0o644, b"x")])) for name in "ab")
    digest = {tar: f"sha256:{sha(tar)}" for tar in (one, two, b"<html>")}
    wrong = {"none": (None, [one]), "gone": ([digest[one]], []), "few": ([digest[one], digest[two]], [one]), "many": ([digest[one]], [one, two]),
             "swapped": ([digest[two], digest[one]], [one, two]), "page": ([digest[b"<html>"]], [b"<html>"])}
    folder = world.folder("outcome-images")
    for name, (ids, tars) in wrong.items():
        image = container(world, f"outcome-{name}", ids, [images.compressed(tar) for tar in tars])
        text = mini_base(world, "outcome-images", GOOD).replace("images:\n", f"images:\n  - {image}\n")
        if name in ("swapped", "page"):
            # What is carried without a build that saves it crosses as the registry serves it.
            world.ok("collect", world.spec(folder, text), "-o", folder / f"{name}.sealift", *world.network)
        text = text.replace("imageList: [tigera/*]", "imageList: ['*']")
        place = text[:text.index(image)].count("\n") + 1
        world.refused(65, [f"outcome-{name}|layer", f"yaml:{place}:"], "collect", world.spec(folder, text), "-o",
                      folder / "mini.sealift", *world.network)


@case
def an_image_in_braces_below_manifests_is_found(world):
    """sealer looks for images by lines: one in braces on a line is compared with what is carried all the same."""
    folder = world.folder("outcome-braces")
    text = mini_base(world, "outcome-braces", GOOD)
    for image, is_carried in (("quay.io/tigera/operator:v1.17.4", True), ("quay.io/tigera/operator:v9", False)):
        pod = "      - put: manifests/pod.yaml\n        file: pod\n"
        files = f"files:\n  pod:\n    text: |\n      kind: Pod\n      spec: {{containers: [{{image: {image}}}]}}\nbuilds:\n"
        spec = world.spec(folder, text.replace("builds:\n", files).replace("      - imageList:", pod + "      - imageList:"))
        if is_carried:
            world.ok("collect", spec, "-o", folder / "mini.sealift", *world.network)
        else:
            world.refused(78, [r"manifests/pod\.yaml:2:", "operator:v9"], "collect", spec, "-o", folder / "other.sealift", *world.network)
