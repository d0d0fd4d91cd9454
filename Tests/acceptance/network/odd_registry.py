# SPDX-License-Identifier: Apache-2.0
"""A registry in memory, for content that a real one would not take, and content of every odd but valid kind."""

import contextlib
import hashlib
import http.server
import json
import threading
import urllib.parse

INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
LIST, DOCKER = ("application/vnd.docker.distribution.manifest.list.v2+json",
                "application/vnd.docker.distribution.manifest.v2+json")
CONFIG, DOCKER_CONFIG = "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"
LAYER, EMPTY = "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.empty.v1+json"
TAR = bytes(10240)


def digest(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class OddRegistry:
    """What it has, by repository; `asked` is the list of (method, path) of all requests. `hook`, given a handler, may
    answer a request itself and then returns true."""

    def __init__(self):
        self.manifests, self.blobs, self.asked, self.hook, self.place = {}, {}, [], None, None
        # The header fields that the answer to a pushed manifest has besides.
        self.promises = lambda data: {}

    def blob(self, data, media_type, algorithm="sha256", **more):
        """Stores a blob; its descriptor."""
        self.blobs[digest(data, algorithm)] = data
        return {"mediaType": media_type, "digest": digest(data, algorithm), "size": len(data), **more}

    def manifest(self, repository, content, media_type, tag=None, algorithm="sha256", **more):
        """Stores a manifest, given as an object or as bytes; its descriptor."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        for name in [digest(data), digest(data, "sha512"), *([tag] if tag else [])]:
            self.manifests[repository, name] = data, media_type
        return {"mediaType": media_type, "digest": digest(data, algorithm), "size": len(data), **more}

    def image(self, repository, word, tag=None, architecture="amd64", docker=False, **more):
        """An image of one layer for one platform."""
        layer = word.encode().ljust(10240, b"\0") if docker is None else tar(word)
        config = {"architecture": architecture, "os": "linux", "config": {},
                  "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}
        types = (DOCKER, DOCKER_CONFIG, "application/vnd.docker.image.rootfs.diff.tar") if docker else (
            MANIFEST, CONFIG, LAYER)
        content = {"schemaVersion": 2, "mediaType": types[0],
                   "config": self.blob(json.dumps(config).encode(), types[1]),
                   "layers": [self.blob(layer, types[2])], **more}
        return self.manifest(repository, content, types[0], tag)

    def artifact(self, repository, tag=None, config=b"{}", config_type=EMPTY, layers=(), **more):
        """An artifact; `layers` are (type, bytes)."""
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(config, config_type),
                   "layers": [self.blob(data, kind) for kind, data in layers], **more}
        return self.manifest(repository, content, MANIFEST, tag)

    def index(self, repository, entries, tag=None, media_type=INDEX, **more):
        """An index of descriptors."""
        return self.manifest(repository, {"schemaVersion": 2, "mediaType": media_type, "manifests": entries, **more},
                             media_type, tag)


def tar(word):
    """A tar of one file with that content."""
    import io
    import tarfile
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("word")
        entry.size = len(word)
        archive.addfile(entry, io.BytesIO(word.encode()))
    return out.getvalue()


@contextlib.contextmanager
def odd_registry():
    """A running registry on loopback."""
    registry = OddRegistry()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, body=b"", **headers):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self):
            path = urllib.parse.unquote(self.path.split("?")[0])
            registry.asked.append((self.command, self.path))
            if registry.hook and registry.hook(self):
                return
            if path in ("/v2", "/v2/"):
                return self.answer(200, b"{}")
            repository, _, kind, name = path.removeprefix("/v2/").rsplit("/", 2)[0], 0, *path.rsplit("/", 2)[1:]
            if kind == "manifests" and (repository, name) in registry.manifests:
                data, media_type = registry.manifests[repository, name]
                algorithm = name.split(":")[0] if ":" in name else "sha256"
                return self.answer(200, data, Content_Type=media_type,
                                   Docker_Content_Digest=digest(data, algorithm))
            if kind == "blobs" and name in registry.blobs:
                return self.answer(200, registry.blobs[name], Content_Type="application/octet-stream")
            return self.answer(404, b'{"errors":[{"code":"UNKNOWN","message":"not here"}]}')

        do_HEAD = do_GET

        def do_POST(self):
            """What writes: uploads in one PUT, and manifests. Nothing is mounted."""
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            registry.asked.append((self.command, self.path))
            if registry.hook and registry.hook(self):
                return
            address = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(address.query))
            path = urllib.parse.unquote(address.path)
            repository, kind, name = path.removeprefix("/v2/").rsplit("/", 2)
            if self.command == "POST":
                return self.answer(202, Location=f"{path}1", Range="0-0")
            if kind == "uploads" and self.command == "PUT":
                if digest(data, query["digest"].split(":")[0]) != query["digest"]:
                    return self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
                registry.blobs[query["digest"]] = data
                return self.answer(201, Location="/")
            if kind == "manifests" and self.command == "PUT":
                registry.manifest(repository, data, self.headers["Content-Type"], None if ":" in name else name)
                return self.answer(201, Location="/", **registry.promises(data))
            return self.answer(405)

        do_PUT = do_PATCH = do_DELETE = do_POST

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    registry.place = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


AMD64 = {"architecture": "amd64", "os": "linux"}


def fill(registry):
    """Puts one tag of each odd but valid kind into the registry; the names, `REPOSITORY:TAG`."""
    names = []

    def new(kind):
        names.append(f"odd/{kind}:v1")
        return f"odd/{kind}", "v1"

    for kind, content in ARTIFACTS.items():
        repository, tag = new(kind)
        registry.artifact(repository, tag, **content)
    for kind, change in IMAGES.items():
        repository, tag = new(kind)
        image = registry.image(repository, kind)
        content = json.loads(registry.manifests[repository, image["digest"]][0])
        change(registry, content)
        registry.manifest(repository, json.dumps(content, indent=3).encode(), MANIFEST, tag)
    for kind, make in INDEXES.items():
        repository, tag = new(kind)
        make(registry, repository, tag)
    return names


JSON = "application/json"
ARTIFACTS = {
    "empty-config": dict(layers=[("text/plain", b"hello")]),
    "artifact-type": dict(artifactType="application/x.example", layers=[("text/plain", b"hi")]),
    "no-layers": dict(artifactType="application/x.nothing"),
    "empty-layer": dict(artifactType="application/x.example", layers=[(EMPTY, b"{}")]),
    "helm": dict(config=b'{"name":"web","version":"1.0.0"}', config_type="application/vnd.cncf.helm.config.v1+json",
                 layers=[("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"not really a tgz")]),
    "wasm": dict(config=b'{"architecture":"wasm","os":"wasip1"}', config_type="application/vnd.wasm.config.v0+json",
                 layers=[("application/wasm", b"\0asm\1\0\0\0")]),
    "wasm-image": dict(config=b'{"architecture":"wasm","os":"wasip1","rootfs":{"type":"layers","diff_ids":[]}}',
                       config_type=CONFIG, layers=[]),
    "no-platform": dict(config=b'{"rootfs":{"type":"layers","diff_ids":[]}}', config_type=CONFIG),
    "config-no-json": dict(config=b"\xff\x00 no JSON", config_type="application/octet-stream"),
    "config-is-an-image-config-and-no-json": dict(config=b"nothing", config_type=CONFIG),
    "zero-bytes": dict(layers=[("text/plain", b"")]),
    "same-layer-twice": dict(layers=[("text/plain", b"twice"), ("text/plain", b"twice")]),
    "many-layers": dict(layers=[("text/plain", f"layer {number}".encode()) for number in range(200)]),
    "subject": dict(artifactType="application/x.sig", layers=[("text/plain", b"sig")],
                    subject={"mediaType": MANIFEST, "digest": "sha256:" + "ab" * 32, "size": 7}),
    "cosign": dict(config=b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:'
                          + b"ab" * 32 + b'"]}}', config_type=CONFIG,
                   layers=[("application/vnd.dev.cosign.simplesigning.v1+json", b"{}")]),
    "annotations": dict(layers=[("text/plain", b"x")], annotations={"a": "ä \u202e \" \\ \n", "": "b"}),
    "flux": dict(config=b'{"created":"2024-01-01T00:00:00Z"}', config_type="application/vnd.cncf.flux.config.v1+json",
                 layers=[("application/vnd.cncf.flux.content.v1.tar+gzip", b"flux")]),
}


def without(key):
    return lambda registry, content: content.pop(key)


def with_(**fields):
    return lambda registry, content: content.update(fields)


def sha512_blobs(registry, content):
    """Config and layer by their SHA-512."""
    for part in [content["config"], *content["layers"]]:
        data = registry.blobs[part["digest"]]
        part.update(registry.blob(data, part["mediaType"], "sha512"))


def sha512_ids(registry, content):
    """A config that names the layer's tar by its SHA-512."""
    layer = registry.blobs[content["layers"][0]["digest"]]
    content["config"] = registry.blob(json.dumps({**AMD64, "config": {}, "rootfs": {
        "type": "layers", "diff_ids": [digest(layer, "sha512")]}}).encode(), CONFIG)


def unusual_layers(registry, content):
    content["config"] = registry.blob(b"{}", EMPTY)
    content["layers"] = [registry.blob(kind.encode(), kind) for kind in (
        LAYER + "+zstd", LAYER + "+encrypted", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")]


IMAGES = {
    "image-without-type": without("mediaType"),
    "unknown-fields": with_(extra={"a": [1, None, {"b": 1.5e300}]}, annotations=None),
    "layers-null": lambda registry, content: content.update(layers=None, config=registry.blob(b"{}", EMPTY)),
    "layers-missing": lambda registry, content: (content.pop("layers"),
                                                 content.update(config=registry.blob(b"{}", EMPTY))),
    "sha512-blobs": sha512_blobs,
    "sha512-ids": sha512_ids,
    "unusual-layers": unusual_layers,
    "large-manifest": with_(annotations={f"key-{number}": "x" * 1000 for number in range(3000)}),
    "layer-urls": lambda registry, content: content["layers"][0].update(urls=["https://invalid.example/x"]),
    "embedded-data": lambda registry, content: content["config"].update(data="e30="),
}


def versions(registry, repository, tag):
    """Entries of one platform that differ in os.version and os.features."""
    entries = [{**registry.image(repository, f"v{number}"), "platform": {
        **AMD64, "os.version": f"10.0.{number}", "os.features": ["win32k"]}} for number in range(2)]
    registry.index(repository, entries, tag)


def attested(registry, repository, tag, media_type=INDEX, docker=False):
    """What buildkit makes: an image and its attestation."""
    image = registry.image(repository, "attested", docker=docker)
    proof = registry.artifact(
        repository, config=b'{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers",'
        b'"diff_ids":["' + digest(b"{}").encode() + b'"]}}', config_type=CONFIG,
        layers=[("application/vnd.in-toto+json", b"{}")])
    unknown = {"architecture": "unknown", "os": "unknown"}
    registry.index(repository, [
        {**image, "platform": AMD64},
        {**proof, "platform": unknown, "annotations": {"vnd.docker.reference.digest": image["digest"],
                                                       "vnd.docker.reference.type": "attestation-manifest"}}],
                   tag, media_type)


def nested(registry, repository, tag, depth=3, platform=None):
    entry = {**registry.image(repository, f"deep {depth}"), "platform": AMD64}
    for _ in range(depth - 1):
        entry = {**registry.index(repository, [entry]), **({"platform": platform} if platform else {})}
    registry.index(repository, [entry], tag)


def beside(registry, repository, tag):
    """An image, an artifact, and something that is no manifest, in one index."""
    registry.index(repository, [
        {**registry.image(repository, "beside"), "platform": AMD64},
        registry.artifact(repository, layers=[("text/plain", b"artifact")], artifactType="application/x.example"),
    ], tag, annotations={"org.opencontainers.image.description": "both"}, artifactType="application/x.both")


def bundle_of_artifacts(registry, repository, tag):
    registry.index(repository, [registry.artifact(repository, layers=[("text/plain", str(number).encode())])
                                for number in range(3)], tag)


INDEXES = {
    "docker-image": lambda r, repository, tag: r.image(repository, "docker", tag, docker=True),
    "docker-list": lambda r, repository, tag: r.index(
        repository, [{**r.image(repository, "list", docker=True), "platform": AMD64}], tag, LIST),
    "without-platforms": lambda r, repository, tag: r.index(
        repository, [r.image(repository, "a"), r.image(repository, "b")], tag),
    "empty-platform": lambda r, repository, tag: r.index(
        repository, [{**r.image(repository, "a"), "platform": {"architecture": "", "os": ""}}], tag),
    "versions": versions,
    "attested": attested,
    "attested-docker": lambda r, repository, tag: attested(r, repository, tag, LIST, True),
    "nested": nested,
    "nested-platform": lambda r, repository, tag: nested(r, repository, tag, 2, AMD64),
    "nested-four": lambda r, repository, tag: nested(r, repository, tag, 4),
    "beside": beside,
    "artifacts": bundle_of_artifacts,
    "empty-index": lambda r, repository, tag: r.index(repository, [], tag),
    "null-index": lambda r, repository, tag: r.index(repository, None, tag),
    "same-twice": lambda r, repository, tag: r.index(repository, 2 * [
        {**r.image(repository, "twice"), "platform": AMD64}], tag),
    "index-without-type": lambda r, repository, tag: r.manifest(repository, {
        "schemaVersion": 2, "manifests": [{**r.image(repository, "untyped"), "platform": AMD64}]}, INDEX, tag),
    "index-subject": lambda r, repository, tag: r.index(
        repository, [{**r.image(repository, "s"), "platform": AMD64}], tag,
        subject={"mediaType": MANIFEST, "digest": "sha256:" + "cd" * 32, "size": 7}),
}
