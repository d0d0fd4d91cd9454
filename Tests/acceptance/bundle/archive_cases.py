# SPDX-License-Identifier: Apache-2.0
"""Images out of archives: written by skopeo, podman and by hand, read back by skopeo from the bundle."""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile

from harness import call, case, equal, require, sha256


def tar(members):
    """A tar of (name, bytes) files and (name, None, target) symbolic links."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content, *link in members:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, link[0]
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return memory.getvalue()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def saved(path, name, layers, architecture="amd64", change=None):
    """A docker-archive by hand; `change` may alter its (manifest, members)."""
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}).encode()
    entry = {"Config": digest(config).removeprefix("sha256:") + ".json", "RepoTags": [name],
             "Layers": [f"{number}/layer.tar" for number in range(len(layers))]}
    members = [[f"{number}/layer.tar", layer] for number, layer in enumerate(layers)] + [[entry["Config"], config]]
    entries = [entry]
    if change:
        change(entries, members)
    path.write_bytes(tar([("manifest.json", json.dumps(entries).encode()), *members]))
    return digest(config)


def collected(world, folder, image, source, *more, platforms=None):
    """A bundle of the one image, made without any network."""
    spec = world.spec(folder, f"version: 1\nname: archives\nplatforms: [{platforms or world.own}]\n"
                      f"images:\n  - {{ image: '{image}', from: {source} }}\n")
    world.ok("collect", spec, "-o", folder / "out.sealift", *more, environment={"https_proxy": "http://127.0.0.1:1"})
    return folder / "out.sealift"


def copied(world, bundle, name):
    """The image's manifest as skopeo copies it out of the bundle."""
    target = world.folder("copied")
    call("skopeo", "copy", "-q", f"oci-archive:{bundle}:{name}", f"dir:{target}")
    return target, json.loads((target / "manifest.json").read_text())


@case
def image_from_what_docker_save_writes(world):
    """A docker-archive, plain or gzip, gives the digests that skopeo gives it, and is repeatable."""
    folder = world.folder("docker-archive")
    place = f"docker://{world.registry}/docker.io/library/registry:2.7.1"
    call("skopeo", "--override-arch", world.own.split("/")[1], "copy", "-q", "--src-tls-verify=false", place,
         f"docker-archive:{folder}/saved.tar:whatever:1")
    bundle = collected(world, folder, "myapp:1.0", "docker-archive:saved.tar")
    _, ours = copied(world, bundle, "docker.io/library/myapp:1.0")
    raw = call("skopeo", "inspect", "--raw", f"docker-archive:{folder}/saved.tar")
    theirs = json.loads(raw)
    equal(ours["config"], theirs["config"], "the config")
    equal([layer["digest"] for layer in ours["layers"]], [layer["digest"] for layer in theirs["layers"]], "layers")
    # Our manifest names uncompressed layers for what they are; skopeo calls them gzip. Else they are equal bytes.
    lock = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]["images"][0]
    equal(lock["digest"], digest(raw.replace(".tar.gzip", ".tar").encode()), "the digest of the manifest")
    first = sha256(bundle)
    world.ok("collect", folder / "kubernetes-rawdocker.yaml", "-o", folder / "again.sealift")
    equal(sha256(folder / "again.sealift"), first, "a second collect")
    with open(folder / "saved.tar", "rb") as plain, gzip.open(folder / "saved.tar.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    zipped = world.folder("docker-archive-gz")
    shutil.move(folder / "saved.tar.gz", zipped / "saved.tar.gz")
    again = collected(world, zipped, "myapp:1.0", "docker-archive:./saved.tar.gz:whatever:1")
    equal(json.loads(world.ok("inspect", again, "--json").out)["lock"]["images"][0], lock, "the lock of the gzip")
    equal(sorted(os.listdir(zipped)), ["kubernetes-rawdocker.yaml", "out.sealift", "out.sealift.provenance.json", "saved.tar.gz"], "files left")
    world.ok("verify", again)


@case
def image_from_an_oci_layout(world):
    """oci-archive: and oci: keep the digest of an index with all its platforms; what is not carried is not there."""
    folder = world.folder("oci")
    place = f"docker://{world.registry}/docker.io/calico/node:v3.19.1"
    call("skopeo", "copy", "-q", "--all", "--src-tls-verify=false", "--format", "oci", place, f"oci:{folder}/layout:v1")
    call("skopeo", "copy", "-q", "--all", f"oci:{folder}/layout:v1", f"oci-archive:{folder}/image.tar:some/name:v1")
    index = json.loads((folder / "layout/index.json").read_text())["manifests"][0]
    for source in ("oci:layout", "oci:layout:v1", "oci-archive:image.tar", f"oci-archive:{folder}/image.tar:some/name:v1"):
        bundle = collected(world, folder, "quay.io/org/node:v1", source)
        lock = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]["images"][0]
        equal(lock["digest"], index["digest"], f"the digest from {source}")
        raw = call("skopeo", "inspect", "--raw", f"oci-archive:{bundle}:quay.io/org/node:v1")
        equal(digest(raw.encode()), index["digest"], "what skopeo reads")
        top = json.loads(raw)
        if "manifests" in top and len(top["manifests"]) > 1:
            there = call("tar", "-tf", bundle)
            held = [part["digest"].removeprefix("sha256:") in there for part in top["manifests"]]
            equal(held.count(True), 1, "platforms that are carried")
        copied(world, bundle, "quay.io/org/node:v1")
        os.unlink(bundle)
    # A bundle is itself such an archive.
    bundle = collected(world, folder, "calico/node:v3.19.1", f"oci-archive:{world.bundle}")
    lock = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]["images"][0]
    old = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    equal(lock["digest"], [image["digest"] for image in old if "calico/node" in image["reference"]][0], "from a bundle")


@case
def archives_for_a_platform_each(world):
    """`from` with a platform each gives one index of both; the wrong platform in an archive is refused."""
    folder = world.folder("platforms")
    layer = tar([("etc/motd", b"hello")])
    configs = {name: saved(folder / f"{name}.tar", "app:1", [layer, layer], name) for name in ("amd64", "arm64")}
    source = "{ linux/amd64: docker-archive:amd64.tar, linux/arm64: docker-archive:arm64.tar }"
    bundle = collected(world, folder, "app:1", source, platforms="linux/amd64, linux/arm64")
    for name, config in configs.items():
        target = world.folder("one")
        call("skopeo", "--override-arch", name, "copy", "-q", f"oci-archive:{bundle}:docker.io/library/app:1", f"dir:{target}")
        equal(json.loads((target / "manifest.json").read_text())["config"]["digest"], config, f"the config for {name}")
    whole = json.loads(world.ok("inspect", bundle, "--json").out)["lock"]["images"][0]["digest"]
    os.unlink(bundle)
    narrow = collected(world, folder, "app:1", source, "--platform", "linux/arm64", platforms="linux/amd64, linux/arm64")
    equal(json.loads(world.ok("inspect", narrow, "--json").out)["lock"]["images"][0]["digest"], whole, "the index of one")
    spec = folder / "kubernetes-rawdocker.yaml"
    spec.write_text(spec.read_text().replace("arm64.tar", "amd64.tar"))
    world.refused(65, ["archive for linux/arm64 is for linux/amd64"], "collect", spec, "-o", folder / "no",
                  unchanged=[folder])
    spec.write_text("version: 1\nname: x\nplatforms: [linux/amd64, linux/arm64]\nimages:\n"
                    "  - { image: app:1, from: docker-archive:amd64.tar }\n")
    world.refused(66, ["nothing for linux/arm64", "from: "], "collect", spec, "-o", folder / "no", unchanged=[folder])


@case
def archived_image_is_locked(world):
    """The lock pins an archive's image: another content is refused with both digests, --update takes it."""
    folder = world.folder("archive-lock")
    saved(folder / "a.tar", "app:1", [tar([("a", b"1")])])
    spec = world.spec(folder, "version: 1\nname: x\nplatforms: linux/amd64\nimages:\n"
                      "  - { image: app:1, from: docker-archive:a.tar }\n")
    told = world.ok("lock", spec)
    require(told.out.startswith("+ docker.io/library/app:1  "), f"the change: {told}")
    before = json.loads((folder / "kubernetes-rawdocker.lock.json").read_text())["images"][0]["digest"]
    saved(folder / "a.tar", "app:1", [tar([("a", b"2")])])
    world.refused(65, [before, "its archive has", "--update app:1"], "collect", spec, "-o", folder / "no",
                  unchanged=[folder])
    world.refused(64, ["no image, no chart and no file"], "lock", spec, "--update", "other", unchanged=[folder])
    told = world.ok("lock", spec, "--update", "app:1")
    require(told.out.startswith("~ docker.io/library/app:1 ") and " → " in told.out, f"the change: {told}")
    require("1 changed" in told.err, f"the summary: {told}")
    world.ok("collect", spec, "-o", folder / "x.sealift")
    equal(world.ok("lock", spec, "--update").out, "", "an update of everything that changes nothing")


def hostile():
    """(what is wrong, how the archive is altered, exit codes, words of the message)."""
    def member(name, content):
        def change(entries, members):
            for one in members:
                if one[0] == name or (name == "config" and one[0].endswith(".json")):
                    one[1:] = content if isinstance(content, list) else [content]
        return change

    def entry(key, value):
        return lambda entries, members: entries[0].__setitem__(key, value)

    def add(*more):
        return lambda entries, members: members.extend(more)

    layer = tar([("a", b"other")])
    return [
        ("a layer that is not its diff_id", member("0/layer.tar", layer), 65, ["its content is|bytes"]),
        ("a config that is not its name", member("config", b"{}"), 65, ["its config [0-9a-f]{64}[.]json is sha256"]),
        ("a layer outside", entry("Layers", ["../../../etc/passwd"]), 66, ["etc/passwd", "no such member"]),
        ("an absolute layer", entry("Layers", ["/etc/passwd"]), 66, ["no such member"]),
        ("a link that leads out", member("0/layer.tar", [None, "../../etc/passwd"]), 65, ["links to no file"]),
        ("a link to itself", member("0/layer.tar", [None, "layer.tar"]), 65, ["links to no file"]),
        ("a link to a link", lambda entries, members: (member("0/layer.tar", [None, "../b"])(entries, members),
                                                       members.append(["b", None, "c"])), 65, ["links to no file"]),
        ("a config that is a link", member("config", [None, "0/layer.tar"]), 65, ["is a link"]),
        ("too few layers", entry("Layers", []), 65, ["names 1 layers and manifest.json 0"]),
        ("a member twice", add(["0/layer.tar", b"x"]), 65, ["is there twice"]),
        ("a gzip layer of other content", member("0/layer.tar", gzip.compress(layer, mtime=0)), 65, ["promised"]),
        ("no list", lambda entries, members: entries.__setitem__(0, []), 65, ["manifest.json"]),
    ]


@case
def hostile_docker_archives_are_refused(world):
    """Layers and configs that are not what they say, links, names that lead out: refused, nothing written."""
    folder = world.folder("hostile")
    spec = world.spec(folder, "version: 1\nname: x\nplatforms: linux/amd64\nimages:\n"
                      "  - { image: app:1, from: docker-archive:a.tar }\n")
    for what, change, code, words in hostile():
        saved(folder / "a.tar", "app:1", [tar([("a", b"1")])], change=change)
        try:
            world.refused(code, words, "collect", spec, "-o", folder / "no", unchanged=[folder / "a.tar"])
        except Exception as failure:
            raise type(failure)(f"{what}: {failure}") from failure
        require(not (folder / "no").exists(), f"{what}: a bundle was made")
        for left in folder.glob("no.*"):
            left.unlink()
    # One layer that two images share is a link in docker's archives, followed once.
    layer = tar([("a", b"1")])
    saved(folder / "a.tar", "app:1", [layer, layer],
          change=lambda entries, members: members.__setitem__(1, ["1/layer.tar", None, "../0/layer.tar"]))
    world.ok("collect", spec, "-o", folder / "linked.sealift")
    (folder / "a.tar").write_bytes((folder / "a.tar").read_bytes()[:3000])
    world.refused(65, ["a.tar"], "collect", spec, "-o", folder / "no")
    (folder / "a.tar").unlink()
    world.refused(66, ["a.tar"], "collect", spec, "-o", folder / "no")


@case
def hostile_layouts_are_refused(world):
    """Layouts with linked blobs, wrong sizes and digests, nested indexes, cycles and other versions: refused."""
    folder = world.folder("hostile-layout")
    layout = folder / "layout"
    spec = world.spec(folder, "version: 1\nname: x\nplatforms: linux/amd64\nimages:\n"
                      "  - { image: app:1, from: oci:layout }\n")
    layer = tar([("a", b"1")])
    oci = "application/vnd.oci.image."

    def blob(content):
        path = layout / "blobs/sha256" / digest(content).removeprefix("sha256:")
        path.write_bytes(content)
        return {"digest": digest(content), "size": len(content)}

    def write(**changed):
        shutil.rmtree(layout, ignore_errors=True)
        (layout / "blobs/sha256").mkdir(parents=True)
        config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": [digest(layer)]}}).encode())
        manifest = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
                    "config": {"mediaType": oci + "config.v1+json", **config, **changed.get("config", {})},
                    "layers": [{"mediaType": oci + "layer.v1.tar", **blob(layer), **changed.get("layer", {})}]}
        top = {"mediaType": oci + "manifest.v1+json", **blob(json.dumps(manifest).encode())}
        for _ in range(changed.get("nested", 0)):
            nested = {"schemaVersion": 2, "manifests": [{**top, "platform": {"architecture": "amd64", "os": "linux"}}]}
            top = {"mediaType": oci + "index.v1+json", **blob(json.dumps(nested).encode())}
        index = {"schemaVersion": 2, "manifests": [{**top, **changed.get("top", {})}]}
        (layout / "index.json").write_text(json.dumps({**index, **changed.get("index", {})}))
        (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": changed.get("version", "1.0.0")}))
        return top

    write()
    world.ok("collect", spec, "-o", folder / "good.sealift")
    write(nested=1)
    world.ok("collect", spec, "-o", folder / "index.sealift")
    write(nested=4)
    world.ok("collect", spec, "-o", folder / "nested.sealift")
    cases = [({"nested": 5}, ["nested more than 4 deep"]), ({"nested": 9}, ["nested more than 4 deep"]),
             ({"version": "2.0.0"}, ["oci-layout"]), ({"layer": {"size": len(layer) + 1}}, ["its descriptor says"]),
             ({"layer": {"size": -1}}, ["out of bounds"]), ({"layer": {"size": 2 ** 63}}, ["read the manifest of"]),
             ({"config": {"size": 5}}, ["its descriptor says 5"]), ({"top": {"size": 7}}, ["its descriptor says 7"]),
             ({"layer": {"digest": "sha256:../../x"}}, ["digest"]), ({"layer": {"digest": "md5:" + "0" * 32}}, ["digest"]),
             ({"index": {"layers": []}}, ["neither an index"])]
    for changed, words in cases:
        write(**changed)
        world.refused(65, words, "collect", spec, "-o", folder / "no", unchanged=[layout])
        for left in folder.glob("no*"):
            left.unlink()
    top = write()
    held = layout / "blobs/sha256" / digest(layer).removeprefix("sha256:")
    held.unlink()
    world.refused(66, [held.name], "collect", spec, "-o", folder / "no", unchanged=[layout])
    (folder / "outside").write_bytes(layer)
    held.symlink_to(folder / "outside")
    world.refused(65, ["symbolic link"], "collect", spec, "-o", folder / "no", unchanged=[layout])
    write()
    held.write_bytes(bytes([layer[0] ^ 1]) + layer[1:])
    world.refused(65, ["its content is sha256"], "collect", spec, "-o", folder / "no", unchanged=[layout])
    # An index that names itself cannot be: it would be its own digest. One with the wrong bytes is refused.
    path = layout / "blobs/sha256" / top["digest"].removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion": 3'))
    world.refused(65, ["its content is sha256"], "collect", spec, "-o", folder / "no", unchanged=[layout])
