# SPDX-License-Identifier: Apache-2.0
"""Container images made by hand: layers, configs, manifests, lists; pushed, or laid out as storage.

Everything is made from bytes in memory and is the same at each run.
"""

import functools
import gzip
import hashlib
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
}
OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
    "index": "application/vnd.oci.image.index.v1+json",
}
# 2021-03-06 03:06:07 UTC, whole seconds: what every entry of every layer is dated.
WHEN = 1615000000


@dataclass(frozen=True)
class Entry:
    """One file (`data` given) or folder (`data` is None) of a layer."""

    path: str
    mode: int
    data: bytes | None = None


@dataclass(frozen=True)
class Blob:
    """Content and its media type."""

    media_type: str
    data: bytes

    @property
    def digest(self):
        return "sha256:" + hashlib.sha256(self.data).hexdigest()

    @property
    def descriptor(self):
        return {"mediaType": self.media_type, "size": len(self.data), "digest": self.digest}


@dataclass
class Image:
    """What a reference leads to: the top document, the manifests that it lists, and all their blobs."""

    name: str
    top: Blob
    manifests: list = field(default_factory=list)
    blobs: list = field(default_factory=list)

    @property
    def repository(self):
        return self.name.rsplit(":", 1)[0]

    @property
    def tag(self):
        return self.name.rsplit(":", 1)[1]


def files(entries, folder_mode=0o755):
    """The entries and every folder above them, in the order of a walk: children by name bytes."""
    known = {entry.path: entry for entry in entries}
    for entry in entries:
        parts = entry.path.split("/")[:-1]
        for depth in range(len(parts)):
            parent = "/".join(parts[: depth + 1])
            known.setdefault(parent, Entry(parent, folder_mode))
    return [known[path] for path in sorted(known, key=lambda path: path.encode().split(b"/"))]


def header(entry):
    """A USTAR header as Go's archive/tar writes it: no slash after folders, zeros for device numbers."""
    name, prefix = entry.path.encode(), b""
    if len(name) > 100:
        cut = name.rfind(b"/", 0, 156)
        prefix, name = name[:cut], name[cut + 1:]
    assert len(name) <= 100 and len(prefix) <= 155, entry.path
    size = len(entry.data) if entry.data is not None else 0
    kind = b"5" if entry.data is None else b"0"
    fields = b"".join([
        name.ljust(100, b"\0"), b"%07o\0" % entry.mode, b"%07o\0" % 0, b"%07o\0" % 0,
        b"%011o\0" % size, b"%011o\0" % WHEN, b" " * 8, kind, bytes(100), b"ustar\00000",
        b"root".ljust(32, b"\0"), b"root".ljust(32, b"\0"), b"%07o\0" % 0, b"%07o\0" % 0,
        prefix.ljust(155, b"\0"), bytes(12),
    ])
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def tar(entries):
    """The tar of a layer: its sha256 is what sealer calls the layer's id."""
    parts = []
    for entry in entries:
        data = entry.data or b""
        parts += [header(entry), data, bytes(-len(data) % 512)]
    return b"".join(parts) + bytes(1024)


@functools.lru_cache(maxsize=32)
def compressed(data):
    """gzip with neither name nor time; a layer that images share is packed once."""
    return gzip.compress(data, 6, mtime=0)


def manifest(types, config, layers, with_media_type=True):
    """The manifest over blobs; OCI allows it to leave its own media type out."""
    document = {"schemaVersion": 2}
    if with_media_type:
        document["mediaType"] = types["manifest"]
    document["config"] = config.descriptor
    document["layers"] = [layer.descriptor for layer in layers]
    return Blob(types["manifest"], json.dumps(document, indent=3).encode())


def container(types, architecture, layers, command, with_media_type=True):
    """(manifest, blobs) of a runnable image whose layers are given as uncompressed tars."""
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": command},
        "rootfs": {"type": "layers", "diff_ids": [Blob("", data).digest for data in layers]},
        "history": [{"created": "2021-03-06T03:06:40Z", "created_by": "demo"} for _ in layers],
    }
    if architecture == "arm64":
        config["variant"] = "v8"
    blob = Blob(types["config"], json.dumps(config).encode())
    packed = [Blob(types["layer"], compressed(data)) for data in layers]
    return manifest(types, blob, packed, with_media_type), [blob, *packed]


def index(types, manifests, with_media_type=True):
    """The list of (architecture, manifest) pairs."""
    listed = []
    for architecture, blob in manifests:
        platform = {"architecture": architecture, "os": "linux"}
        if architecture == "arm64":
            platform["variant"] = "v8"
        listed.append({**blob.descriptor, "platform": platform})
    document = {"schemaVersion": 2}
    if with_media_type:
        document["mediaType"] = types["index"]
    document["manifests"] = listed
    return Blob(types["index"], json.dumps(document, indent=3).encode())


def listed_image(name, types, instances):
    """An image of several platforms from {architecture: (manifest, blobs)}."""
    pairs = [(architecture, made) for architecture, (made, _) in instances.items()]
    blobs = [blob for _, parts in instances.values() for blob in parts]
    return Image(name, index(types, pairs), [made for _, made in pairs], blobs)


def push(image, registry, prefix=""):
    """Pushes into `registry` (http://host:port), the repository below `prefix`."""
    repository = f"{prefix}/{image.repository}" if prefix else image.repository
    base = f"{registry}/v2/{repository}"
    for blob in {blob.digest: blob for blob in image.blobs}.values():
        try:
            request("HEAD", f"{base}/blobs/{blob.digest}")
            continue
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        place = request("POST", f"{base}/blobs/uploads/", b"").headers["Location"]
        separator = "&" if "?" in place else "?"
        request("PUT", f"{place}{separator}digest={blob.digest}", blob.data,
                {"Content-Type": "application/octet-stream"})
    for made in image.manifests:
        request("PUT", f"{base}/manifests/{made.digest}", made.data, {"Content-Type": made.media_type})
    request("PUT", f"{base}/manifests/{image.tag}", image.top.data, {"Content-Type": image.top.media_type})


def request(method, url, data=None, headers=None):
    """One HTTP exchange without proxies: the registry is on loopback."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(urllib.request.Request(url, data=data, method=method, headers=headers or {}))


def storage(images, file_mode=0o644):
    """The entries of a registry's own storage, `registry/docker/registry/v2/…`, holding `images`."""
    top = "registry/docker/registry/v2"
    entries = {}

    def put(path, data):
        entries[path] = Entry(path, file_mode, data)

    for image in images:
        repository = f"{top}/repositories/{image.repository}"
        for blob in [image.top, *image.manifests, *image.blobs]:
            digest = blob.digest[7:]
            put(f"{top}/blobs/sha256/{digest[:2]}/{digest}/data", blob.data)
        for blob in image.blobs:
            put(f"{repository}/_layers/sha256/{blob.digest[7:]}/link", blob.digest.encode())
        for made in [image.top, *image.manifests]:
            put(f"{repository}/_manifests/revisions/sha256/{made.digest[7:]}/link", made.digest.encode())
        tag = f"{repository}/_manifests/tags/{image.tag}"
        put(f"{tag}/current/link", image.top.digest.encode())
        put(f"{tag}/index/sha256/{image.top.digest[7:]}/link", image.top.digest.encode())
    return list(entries.values())


def fill(folder, image):
    """Writes `image` into the folder that a registry has as its storage."""
    for entry in storage([image]):
        path = Path(folder, entry.path.removeprefix("registry/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.data)
