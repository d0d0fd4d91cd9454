# SPDX-License-Identifier: Apache-2.0
"""Sealer base images of two shapes, as `sealer push` leaves them.

`kubernetes:v1.19.8`, the guide's: rootfs (`COPY . .`), the network's manifests (`COPY etc .`), the image list, and the
`rootfs cache` that holds further images as registry storage. And that of sealer's own auto-build (sealerio/basefs), whose
rootfs is split: what all architectures share (`COPY rootfs/* .`), then programs and archives (`COPY ${ARCH}/* .`).
Layer ids and the image id follow sealer's rules.
"""

import hashlib
import json
from pathlib import Path

import images
from images import DOCKER, Blob, Entry

HERE = Path(__file__).resolve().parent
NAME = "registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes:v1.19.8"
COMMAND = "kubectl apply -f etc/tigera-operator.yaml && kubectl apply -f etc/custom-resources.yaml"
CLUSTERFILE = (
    "apiVersion: sealer.cloud/v2\nkind: Cluster\nmetadata:\n  creationTimestamp: null\n"
    f"  name: my-cluster\nspec:\n  image: {NAME}\n  ssh:\n    port: \"22\"\n    user: root\nstatus: {{}}\n")


def tree(folder):
    """The files of a folder beside this script; scripts are executable."""
    found = []
    for path in sorted((HERE / folder).rglob("*")):
        if path.is_file():
            mode = 0o755 if path.suffix == ".sh" else 0o644
            found.append(Entry(str(path.relative_to(HERE / folder)), mode, path.read_bytes()))
    return found


def stand_in(name, version):
    """A command that only tells its name: the demo shows sealift, not Kubernetes."""
    return f"#!/bin/sh\necho {name} {version}\n".encode()


def sealer_docker():
    """The base's own docker, which the bundle replaces: stand-ins at the top level of a tar.gz."""
    names = ["containerd", "containerd-shim", "ctr", "docker", "docker-init", "docker-proxy", "dockerd", "runc"]
    entries = [Entry(name, 0o755, stand_in(name, "19.03.14-sealer")) for name in names]
    return images.compressed(images.tar(images.files(entries)))


def rootfs(architecture, registry_archive, stored):
    """The entries of the first layer."""
    entries = tree("rootfs")
    entries += [Entry(f"bin/{name}", 0o755, stand_in(name, "v1.19.8"))
                for name in ("conntrack", "kubeadm", "kubectl", "kubelet")]
    metadata = json.dumps({"version": "v1.19.8", "arch": architecture}, indent=2) + "\n"
    entries += [
        Entry("Kubefile", 0o644, b"FROM scratch\nCOPY . .\n"),
        Entry("Metadata", 0o644, metadata.encode()),
        Entry("cri/docker.tar.gz", 0o644, sealer_docker()),
        Entry("images/registry.tar", 0o644, registry_archive),
        Entry("statics", 0o755),
    ]
    return images.files(entries + images.storage(stored))


def layers(architecture, registry_archive, stored, cached, image_list):
    """(type, value, entries) of the four layers."""
    listed = "".join(f"{name}\n" for name in image_list).encode()
    return [
        ("COPY", ". .", rootfs(architecture, registry_archive, stored)),
        ("COPY", "etc .", images.files(tree("network"))),
        ("COPY", "imageList manifests", images.files([Entry("manifests/imageList", 0o644, listed)])),
        ("BASE", "rootfs cache", images.files(images.storage(cached, 0o600), folder_mode=0o750)),
    ]


def split_layers(architecture, registry_archive, cached, image_list):
    """(type, value, entries) of the layers of a base of sealer's auto-build, as its branch sealer-v0.8.6 makes it."""
    shared = tree("rootfs")
    programs = [Entry(f"bin/{name}", 0o755, stand_in(name, "v1.22.15"))
                for name in ("conntrack", "kubeadm", "kubectl", "kubelet")]
    programs += [
        Entry("Metadata", 0o644, json.dumps({"version": "v1.22.15", "arch": architecture}, indent=2).encode() + b"\n"),
        Entry(f"cri/docker-{architecture}.tar.gz", 0o644, sealer_docker()),
        Entry(f"images/docker-{architecture}-registry-image.tar.gz", 0o644, images.compressed(registry_archive)),
    ]
    listed = "".join(f"{name}\n" for name in image_list).encode()
    return [
        ("COPY", "rootfs/* .", images.files(shared)),
        ("COPY", "${ARCH}/* .", images.files(programs)),
        ("COPY", "imageList manifests", images.files([Entry("manifests/imageList", 0o644, listed)])),
        ("BASE", "rootfs cache", images.files(images.storage(cached, 0o600), folder_mode=0o750)),
    ]


def folded(text, column, indent):
    """A plain YAML scalar as sealer's emitter breaks it: at the first space past column 80."""
    lines, line = [], " " * column
    for word in text.split(" "):
        if len(line) > 80:
            lines.append(line)
            line = " " * indent + word
        else:
            line += word if line.isspace() else " " + word
    return "\n".join([*lines, line]).lstrip()


def image_id(described, architecture):
    """sha256 of the image's YAML without its id."""
    lines = ["kind: Image", "metadata:", "  annotations:", "    sea.aliyun.com/ClusterFile: |"]
    lines += ["      " + line for line in CLUSTERFILE.splitlines()]
    lines += ["  creationTimestamp: null", f"  name: {NAME}", "spec:", "  image_config:", "    args: {}",
              "    cmd:", "      current:", "      - " + folded(COMMAND, 8, 8), "  layers:"]
    for layer in described:
        lines += [f"  - id: {layer['id']}", f"    type: {layer['type']}", f"    value: {layer['value']}"]
    lines += ["  platform:", f"    architecture: {architecture}", "    os: linux"]
    if architecture == "arm64":
        lines.append("    variant: v8")
    lines += ["  sealer_version: v0.8.6", "status: {}"]
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def config(described, architecture):
    """The config blob: the sealer image as compact JSON in the order of sealer's own fields."""
    platform = {"architecture": architecture, "os": "linux"}
    if architecture == "arm64":
        platform["variant"] = "v8"
    document = {
        "kind": "Image",
        "metadata": {"name": NAME, "creationTimestamp": None,
                     "annotations": {"sea.aliyun.com/ClusterFile": CLUSTERFILE}},
        "spec": {"id": image_id(described, architecture), "layers": described, "sealer_version": "v0.8.6",
                 "platform": platform, "image_config": {"cmd": {"current": [COMMAND]}, "args": {}}},
        "status": {}, "architecture": architecture, "os": "linux",
        "history": [{"created_by": f"{layer['type']} {layer['value']}"} for layer in described],
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).replace("&", "\\u0026")
    return Blob(DOCKER["config"], text.encode())


def instance(architecture, parts):
    """(manifest, blobs, layer ids) of one platform from its layers."""
    tars = [images.tar(entries) for _, _, entries in parts]
    described = [{"id": Blob("", data).digest, "type": kind, "value": value}
                 for data, (kind, value, _) in zip(tars, parts)]
    blobs = [Blob(DOCKER["layer"], images.compressed(data)) for data in tars]
    described_by = config(described, architecture)
    made = images.manifest(DOCKER, described_by, blobs)
    return made, [described_by, *blobs], [layer["id"] for layer in described]
