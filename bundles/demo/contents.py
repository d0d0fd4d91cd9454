# SPDX-License-Identifier: Apache-2.0
"""What the miniature upstream holds: the docker tarball, the container images, the sealer base image."""

import functools
import json
import os
import random
import subprocess

import base
import images
from images import DOCKER, OCI, Entry, Image

# Debian packages whose files the docker tarball and the container images are made of.
PACKAGES = ["docker.io", "containerd", "runc", "tini", "docker-registry", "busybox-static", "libc6"]
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
# Debian's place of each binary of Docker's own static tarball, under the tarball's name.
DOCKER_BINARIES = {
    "containerd": "usr/bin/containerd",
    "containerd-shim": "usr/bin/containerd-shim",
    "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
    "ctr": "usr/bin/ctr",
    "docker": "usr/bin/docker",
    "docker-init": "usr/bin/tini-static",
    "docker-proxy": "usr/sbin/docker-proxy",
    "dockerd": "usr/sbin/dockerd",
    "runc": "usr/sbin/runc",
}
CALICO = ["calico/cni:v3.19.1", "calico/kube-controllers:v3.19.1", "calico/node:v3.19.1",
          "calico/pod2daemon-flexvol:v3.19.1", "calico/typha:v3.19.1"]
OPERATOR = "tigera/operator:v1.17.4"
# What the spec for sealer's auto-built bases takes from the web, and the images of it.
BASEFS = "sealerio/basefs/ea0ee0ac5a602fe78129c35a71fa4408435aa97f/context"
BASEFS_CALICO = ["calico/apiserver:v3.22.1", "calico/cni:v3.22.1", "calico/kube-controllers:v3.22.1", "calico/node:v3.22.1",
                 "calico/pod2daemon-flexvol:v3.22.1", "calico/typha:v3.22.1"]
BASEFS_OPERATOR = "tigera/operator:v1.25.3"


def docker_tarball(root, work, target):
    """Writes the tarball with its single top folder `docker/`, as download.docker.com has it."""
    top = work / "docker"
    top.mkdir(parents=True)
    for name, place in DOCKER_BINARIES.items():
        os.link(root / place, top / name)
        (top / name).chmod(0o755)
    target.parent.mkdir(parents=True)
    with open(target, "wb") as out:
        packing = subprocess.Popen(
            ["tar", "-C", work, "--sort=name", "--owner=1000", "--group=1000", "--numeric-owner",
             f"--mtime=@{images.WHEN}", "-cf", "-", "docker"], stdout=subprocess.PIPE)
        subprocess.run(["gzip", "-n", "-1"], stdin=packing.stdout, stdout=out, check=True)
        packing.stdout.close()
        if packing.wait() != 0:
            raise RuntimeError("tar could not pack the docker binaries")
    subprocess.run(["rm", "-r", top], check=True)


@functools.lru_cache(maxsize=2)
def busybox(root):
    """The layer that most images share."""
    shell = (root / "bin/busybox").read_bytes()
    release = b'PRETTY_NAME="sealift demo"\n'
    return images.tar(images.files([
        Entry("bin/busybox", 0o755, shell), Entry("bin/sh", 0o755, shell),
        Entry("etc/os-release", 0o644, release)]))


def registry_layers(root, architecture):
    """Debian's docker-registry with the libraries that it loads, and a configuration."""
    triplet = f"{MACHINE[architecture]}-linux-gnu"
    loader = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}[architecture]
    settings = (b"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/registry\n"
                b"http:\n  addr: :5000\n")
    libraries = [Entry(f"lib/{triplet}/{name}", 0o755, (root / f"lib/{triplet}/{name}").read_bytes())
                 for name in ("libc.so.6", "libpthread.so.0", "libresolv.so.2")]
    libraries.append(Entry(loader, 0o755, (root / loader).read_bytes()))
    program = [Entry("bin/registry", 0o755, (root / "usr/bin/docker-registry").read_bytes()),
               Entry("etc/docker/registry/config.yml", 0o644, settings), Entry("var/lib/registry", 0o755)]
    return [images.tar(images.files(libraries)), images.tar(images.files(program))]


def own_layer(name, architecture):
    """The layer that no other image has: bytes that do not compress, the same at each run."""
    seed = f"{name} {architecture}"
    return images.tar(images.files([
        Entry("opt/demo/name", 0o644, f"{seed}\n".encode()),
        Entry("opt/demo/payload", 0o644, random.Random(seed).randbytes(200_000))]))


def small(name, types, roots, with_media_type=True):
    """An image of all platforms on the shared layer."""
    made = {architecture: images.container(
        types, architecture, [busybox(root), own_layer(name, architecture)], ["/bin/sh"], with_media_type)
        for architecture, root in roots.items()}
    return images.listed_image(name, types, made)


def single(name, types, architecture, root, with_media_type=True):
    """An image of one platform, its tag leading straight to the manifest."""
    layers = [busybox(root), own_layer(name, architecture)]
    made, blobs = images.container(types, architecture, layers, ["/bin/sh"], with_media_type)
    return Image(name, made, [], blobs)


def docker_archive(name, architecture, layers):
    """A docker-archive of one image: what `docker save` writes and `docker load` reads."""
    _, (config, *_) = images.container(DOCKER, architecture, layers, ["registry"])
    names = [f"{number}.tar" for number in range(len(layers))]
    listed = [{"Config": f"{config.digest[7:]}.json", "RepoTags": [name], "Layers": names}]
    entries = [Entry(path, 0o644, data) for path, data in zip(names, layers)]
    entries.append(Entry(f"{config.digest[7:]}.json", 0o644, config.data))
    entries.append(Entry("manifest.json", 0o644, json.dumps(listed).encode()))
    return images.tar(entries)


def container_images(roots):
    """{registry: images} of the bundle, in the forms that registries really hold."""
    registry = images.listed_image("library/registry:2.7.1", DOCKER, {
        architecture: images.container(
            DOCKER, architecture, registry_layers(root, architecture),
            ["/bin/registry", "serve", "/etc/docker/registry/config.yml"])
        for architecture, root in roots.items()})
    forms = [DOCKER, OCI, DOCKER, OCI, DOCKER]
    calico = [small(name, types, roots) for name, types in zip(CALICO, forms)]
    calico += [small(name, OCI, roots) for name in BASEFS_CALICO]
    architecture, root = next(iter(roots.items()))
    singles = [
        single("demo/schema2:1", DOCKER, architecture, root),
        single("demo/oci:1", OCI, architecture, root),
        single("demo/bare:1", OCI, architecture, root, with_media_type=False),
    ]
    return {"docker.io": [registry, *calico, *singles], "quay.io": [small(OPERATOR, OCI, roots), small(BASEFS_OPERATOR, OCI, roots)]}


def base_image(roots):
    """(image, {architecture: layer ids}) of the sealer base."""
    stored = [small(name, DOCKER, roots) for name in ("kube-apiserver:v1.19.8", "pause:3.2")]
    cached = [small(name, DOCKER, roots) for name in ("coredns:1.7.0", "kube-proxy:v1.19.8")]
    listed = [image.name for image in cached]
    instances, ids = {}, {}
    for architecture in roots:
        archive = docker_archive(
            "registry:2.7.1", architecture, [own_layer("registry of the base", architecture)])
        parts = base.layers(architecture, archive, for_platform(stored, architecture, roots),
                            for_platform(cached, architecture, roots), listed)
        made, blobs, ids[architecture] = base.instance(architecture, parts)
        instances[architecture] = (made, blobs)
    return images.listed_image("sealer-io/kubernetes:v1.19.8", DOCKER, instances), ids


def split_base_image(roots):
    """The sealer base of the other shape."""
    cached = [small(name, DOCKER, roots) for name in ("kube-proxy:v1.22.15", "pause:3.5")]
    instances = {}
    for architecture in roots:
        archive = docker_archive("registry:2.7.1", architecture, [own_layer("registry of the base", architecture)])
        parts = base.split_layers(architecture, archive, for_platform(cached, architecture, roots),
                                  [image.name for image in cached])
        made, blobs, _ = base.instance(architecture, parts)
        instances[architecture] = (made, blobs)
    return images.listed_image("sealer-io/kubernetes:v1.22.15", DOCKER, instances)


def web_files():
    """{path: bytes} of what the specs fetch from the web besides docker, below the folder of its host."""
    network = base.HERE / "network/etc"
    operator = (network / "tigera-operator.yaml").read_bytes().replace(
        b"quay.io/tigera/operator:v1.17.4", b"sea.hub:5000/tigera/operator:v1.25.3").replace(b"v1.17.4", b"v1.25.3")
    resources = (network / "custom-resources.yaml").read_bytes().replace(b"spec:\n", b"spec:\n  registry: sea.hub:5000\n", 1)
    return {f"github/{BASEFS}/tigera-operator.yaml": operator, f"github/{BASEFS}/custom-resources.yaml": resources}


def for_platform(stored, architecture, roots):
    """The images as sealer keeps them: the whole list, but the blobs of one platform only."""
    position = list(roots).index(architecture)
    kept = []
    for image in stored:
        made = image.manifests[position]
        document = json.loads(made.data)
        wanted = {part["digest"] for part in [document["config"], *document["layers"]]}
        blobs = [blob for blob in image.blobs if blob.digest in wanted]
        kept.append(Image(image.name, image.top, [made], blobs))
    return kept
