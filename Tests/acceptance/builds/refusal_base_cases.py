# SPDX-License-Identifier: Apache-2.0
"""Bad bases and bad stores: collect or apply refuses, and neither the store nor an earlier bundle changes."""

import os
import shutil

import base
import images
from harness import Store, call, case, equal, medium, require, snapshot

GOOD = {
    "cri/docker.tar.gz": base.sealer_docker(),
    "etc/daemon.json": b'{\n  "mirror-registries": [],\n  "log-level": "warn"\n}\n',
    "etc/custom-resources.yaml": b"apiVersion: v1\nkind: Installation\nspec:\n  a: b\n",
    "etc/tigera-operator.yaml": b"kind: Deployment\nspec:\n  image: quay.io/tigera/operator:v1.17.4\n",
}
STEPS = """      - edit: etc/daemon.json
        remove: [mirror-registries]
      - edit: etc/custom-resources.yaml
        set: { "Installation:spec.registry": "sea.hub:5000" }
      - rewrite: etc/tigera-operator.yaml
      - imageList: [tigera/*]
"""


def mini_base(world, name, files):
    """Pushes a sealer image of one layer, and returns the spec that builds from it."""
    architecture = world.architectures[0]
    entries = images.files([images.Entry(path, 0o644, data) for path, data in files.items()])
    made, blobs, _ = base.instance(architecture, [("COPY", ". .", entries)])
    image = images.listed_image(f"{name}:1", images.DOCKER, {architecture: (made, blobs)})
    images.push(image, f"http://{world.registry}", "mini")
    return (f"version: 1\nname: mini\nplatforms: [{world.own}]\n"
            f"base:\n  image: {world.registry}/mini/{name}:1\n"
            "  layers:\n    rootfs: { holds: cri/docker.tar.gz }\n"
            "images:\n  - quay.io/tigera/operator:v1.17.4\nregistry: sea.hub:5000\n"
            f"builds:\n  - tag: mini/{name}-built:1\n    context:\n      - layer: rootfs\n{STEPS}"
            "    kubefile: |\n      FROM scratch\n      COPY . .\n      COPY imageList manifests\n")


def collect_then_apply(world, name, files, codes, words):
    """The fault is told by collect where it can be seen there, by apply at the latest."""
    folder = world.folder(f"base-{name}")
    spec = world.spec(folder, mini_base(world, name, files))
    bundle = folder / "mini.sealift"
    store = world.folder(f"base-store-{name}")
    outcome = world.run("collect", spec, "-o", bundle, *world.network)
    if outcome.code != 0:
        require(not bundle.exists(), "a refused collect left a bundle")
        shutil.rmtree(folder)
        folder = world.folder(f"base-{name}")
        spec = world.spec(folder, mini_base(world, name, files))
        (folder / "mini.sealift").write_bytes(b"an earlier bundle")
        world.refused(codes, words, "collect", spec, "-o", bundle, *world.network, unchanged=[bundle])
        return
    (store / "metadata").mkdir()
    (store / "metadata/images_metadata.json").write_text("{}")
    before = snapshot(folder)
    world.refused(codes, words, "apply", bundle, "--store", store, "--platform", world.own)
    equal(snapshot(folder), before, "the bundle")
    equal((store / "metadata/images_metadata.json").read_text(), "{}", "the list of images")
    require(not list(store.glob("metadata/imagedb/*")), "a refused apply left an image")


@case
def builds_from_a_sound_small_base(world):
    """The small base that the refusals are made of is collected and applied when nothing is wrong."""
    folder = world.folder("base-good")
    spec = world.spec(folder, mini_base(world, "good", GOOD))
    world.ok("collect", spec, "-o", folder / "mini.sealift", *world.network)
    world.ok("apply", folder / "mini.sealift", "--store", world.folder("base-store-good"), "--platform", world.own)


def pinned(world, name, version):
    """The spec of a base whose docker.sh demands sealer's docker, and that gets a tarball of `version`."""
    script = b'#!/bin/bash\nset -e\nDOCKER_VERSION="19.03.14-sealer"   # checked below\nfalse\n'
    program = images.Entry("docker/dockerd", 0o755, base.stand_in("dockerd", version))
    tarball = world.upstream_folder / f"www/{name}/docker-19.03.15.tgz"
    tarball.parent.mkdir(exist_ok=True)
    tarball.write_bytes(images.compressed(images.tar(images.files([program]))))
    text = mini_base(world, name, {**GOOD, "scripts/docker.sh": script})
    text = text.replace("builds:\n", f"files:\n  docker:\n    url: {world.said['web']}/{name}/docker-19.03.15.tgz\n"
                                     "builds:\n")
    return text.replace(STEPS, "      - put: cri/docker.tar.gz\n        repack: docker\n" + STEPS), script


@case
def docker_script_wants_the_new_docker(world):
    """scripts/docker.sh of the build demands the tarball's version, and no other byte of it changes."""
    folder, store = world.folder("base-pinned"), world.folder("base-store-pinned")
    text, script = pinned(world, "pinned", "19.03.15")
    spec = world.spec(folder, text)
    world.ok("collect", spec, "-o", folder / "mini.sealift", *world.network)
    world.ok("apply", folder / "mini.sealift", "--store", store, "--platform", world.own)
    built = Store(store)
    layer = built.layers("mini/pinned-built:1")[0]
    equal((built.data(layer) / "scripts/docker.sh").read_bytes(),
          script.replace(b"19.03.14-sealer", b"19.03.15"), "docker.sh")


@case
def refuses_a_docker_that_the_script_would_not(world):
    """A tarball whose programs are of another version than its name says does not satisfy docker.sh."""
    folder = world.folder("base-otherpin")
    spec = world.spec(folder, pinned(world, "otherpin", "20.10.24")[0])
    world.refused((65, 78), ["docker.sh", "19.03.14-sealer"], "collect", spec, "-o", folder / "mini.sealift",
                  *world.network)


@case
def refuses_a_registry_that_the_base_would_not_start(world):
    """A saved registry image of another tag than scripts/init-registry.sh starts is reported with both names."""
    folder = world.folder("base-registry")
    script = b"#!/bin/bash\ndocker run -d --name sealer-registry registry:2.6.2 || true\n"
    text = mini_base(world, "registry", {**GOOD, "scripts/init-registry.sh": script})
    text = text.replace("images:\n", "images:\n  - registry:2.7.1\n")
    text = text.replace(STEPS, "      - put: images/registry.tar\n        save: registry:2.7.1\n" + STEPS)
    spec = world.spec(folder, text)
    world.refused(78, ["registry:2[.]7[.]1", "registry:2[.]6[.]2", "init-registry.sh"], "collect", spec, "-o",
                  folder / "mini.sealift", *world.network)


@case
def refuses_a_base_without_the_file(world):
    """A base none of whose layers holds cri/docker.tar.gz is reported with the path and the role."""
    files = {path: data for path, data in GOOD.items() if path != "cri/docker.tar.gz"}
    collect_then_apply(world, "nofile", files, 66, ["cri/docker.tar.gz", "rootfs"])


@case
def refuses_a_wrong_layer_pin(world):
    """A pin that no layer of the base has is reported with the ids that there are."""
    folder = world.folder("base-pin")
    (folder / "mini.sealift").write_bytes(b"an earlier bundle")
    text = mini_base(world, "pin", GOOD).replace(
        "{ holds: cri/docker.tar.gz }",
        f"{{ holds: cri/docker.tar.gz, id: {{ {world.own}: \"sha256:{'c1' * 32}\" }} }}")
    world.refused((65, 66, 78), ["c1c1c1", "rootfs"], "collect", world.spec(folder, text), "-o",
                  folder / "mini.sealift", *world.network, unchanged=[folder])


@case
def refuses_a_daemon_json_that_is_not_json(world):
    """etc/daemon.json with a missing brace is reported with its path and place."""
    files = {**GOOD, "etc/daemon.json": b'{\n  "log-level": "warn"\n  "mirror-registries": []\n}\n'}
    collect_then_apply(world, "json", files, 65, ["etc/daemon.json", r"line 3|\b3:\d"])


@case
def refuses_yaml_that_does_not_parse(world):
    """etc/tigera-operator.yaml with broken indentation is reported with its path and line."""
    broken = b"kind: Deployment\nspec:\n  image: quay.io/tigera/operator:v1.17.4\n bad: [\n"
    collect_then_apply(world, "yaml", {**GOOD, "etc/tigera-operator.yaml": broken}, 65,
                       ["etc/tigera-operator.yaml", r"line [45]|\b[45]:\d"])


@case
def refuses_a_base_whose_layer_id_lies(world):
    """A base whose config names a layer id that the layer does not have is refused, whatever its gzip digest."""
    architecture = world.architectures[0]
    text = mini_base(world, "liar", GOOD)
    entries = images.files([images.Entry(path, 0o644, data) for path, data in GOOD.items()])
    described = [{"id": "sha256:" + "ab" * 32, "type": "COPY", "value": ". ."}]
    config = base.config(described, architecture)
    layer = images.Blob(images.DOCKER["layer"], images.compressed(images.tar(entries)))
    made = images.manifest(images.DOCKER, config, [layer])
    images.push(images.listed_image("liar:1", images.DOCKER, {architecture: (made, [config, layer])}),
                f"http://{world.registry}", "mini")
    folder, store = world.folder("base-liar"), world.folder("base-store-liar")
    spec = world.spec(folder, text)
    outcome = world.run("collect", spec, "-o", folder / "mini.sealift", *world.network)
    if outcome.code == 0:
        world.refused(65, ["abababab"], "apply", folder / "mini.sealift", "--store", store, "--platform", world.own)
        require(not list(store.glob("data/overlay2/*")), "the layer is in the store")
    else:
        equal(outcome.code, 65, f"exit code of {outcome}")
        require("abababab" in outcome.err and "→" in outcome.err, str(outcome))


@case
def refuses_a_store_that_is_not_writable(world):
    """A read-only store is told as such, before a byte of the bundle is copied."""
    with medium(world.folder("readonly"), "ro,size=1m") as place:
        world.refused((73, 77), [str(place)], "apply", world.bundle, "--store", place / "sealer", "--platform",
                      world.own, unchanged=[world.bundle.parent])


@case
def refuses_another_users_store(world):
    """A user who may not write the store is told as not permitted."""
    require(os.geteuid() == 0, "becoming another user needs root")
    store = world.folder("foreign")
    public = world.work
    modes = {path: path.stat().st_mode for path in (public, world.bundle.parent, world.bundle)}
    public.chmod(0o755)
    world.bundle.parent.chmod(0o755)
    world.bundle.chmod(0o644)
    binary = world.work / "sealift"
    shutil.copy(world.sealift, binary)
    binary.chmod(0o755)
    try:
        outcome = world.run("apply", world.bundle, "--store", store / "sealer", "--platform", world.own,
                            prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
                            environment={"LD_LIBRARY_PATH": toolchain_libraries(world)})
        equal(outcome.code, 77, f"exit code of {outcome}")
        require("→" in outcome.err and not list(store.iterdir()), str(outcome))
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def toolchain_libraries(world):
    """Where the loader finds Swift's libraries when the binary is not beside them."""
    lines = call("ldd", world.sealift).splitlines()
    found = [line.split()[2] for line in lines if "libswift" in line and "=> /" in line]
    return os.path.dirname(found[0]) if found else ""


@case
def refuses_a_store_without_room(world):
    """A store on a file system that is too small is told before the base is unpacked, and stays empty."""
    with medium(world.folder("narrow"), "size=16m") as place:
        world.refused(73, ["space|room"], "apply", world.bundle, "--store", place / "sealer", "--platform", world.own)
        kept = [path for path in place.rglob("*") if path.is_file() and path.stat().st_size > 0]
        equal(kept, [], "files in the store")


@case
def refuses_a_missing_bundle(world):
    """A bundle that is not there is a missing input; a file that is no bundle is wrong data."""
    folder = world.folder("nobundle")
    world.refused(66, ["none.sealift"], "apply", folder / "none.sealift", "--store", folder / "store",
                  unchanged=[folder])
    (folder / "text.sealift").write_text("not a tar\n" * 500)
    world.refused(65, ["text.sealift"], "verify", folder / "text.sealift", unchanged=[folder])


@case
def refuses_wrong_arguments(world):
    """An unknown option is a usage error with exit code 64."""
    equal(world.run("collect", "--no-such-option").code, 64, "exit code of an unknown option")
    equal(world.run("apply", "x", "--platform", "linux").code, 64, "exit code of a malformed platform")
