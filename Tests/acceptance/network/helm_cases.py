# SPDX-License-Identifier: Apache-2.0
"""Charts of HTTP repositories, made and taken by Helm's own SDK."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import json
import re
import subprocess
import tarfile
import threading

import engine
import odd_registry
from artifact_cases import fetch
from harness import Store, case, equal, require, serving
from odd_registry import MANIFEST
from serve_cases import served

CHART = """apiVersion: v2
name: web
version: 1.2.3+b1
appVersion: 1.10
description: |
  A <chart> & more
  of "two" lines\twith a tab, é and \\u200b
home: https://example.org/?a=1&b=2
icon: https://example.org/i.png
sources: [https://example.org/src, https://example.org/b]
keywords: [x, y, on, 12]
kubeVersion: ">=1.19.0-0"
type: application
maintainers:
- { name: Ann, email: ann@example.org, url: https://example.org/ann }
- name: Bob
- email: c@example.org
annotations:
  category: tools
  org.opencontainers.image.title: not this
  org.opencontainers.image.vendor: "12"
dependencies:
- name: dep
  version: 0.1.0
  repository: "file://dep"
  condition: dep.enabled
  tags: [one]
  alias: d2
  import-values: [data, { parent: z, child: a }]
"""
LEGACY = "apiVersion: v1\nname: old\nversion: 0.9.0\nappVersion: 2\ndeprecated: true\n"


def helm(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    require(done.returncode == 0, f"helm {arguments}: {done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def web(folder, seen=None):
    """An HTTP server over a folder; gives its host:port. `seen` takes the path of each request."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            if seen is not None:
                seen.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def write(folder, chart, files=()):
    """A chart's folder."""
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(chart)
    (folder / "values.yaml").write_text("a: 1\n")
    for name, text in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def archive(name, chart, time=1_600_000_000):
    """A chart's archive, made by hand."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        member = tarfile.TarInfo(f"{name}/Chart.yaml")
        member.size, member.mtime = len(chart.encode()), time
        tar.addfile(member, io.BytesIO(chart.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def spec(folder, place, charts):
    """A spec of charts: (name, version, more) each."""
    lines = "".join(f"  - {{ chart: {name}, repo: 'http://{place}/charts', version: '{version}'{more} }}\n"
                    for name, version, more in charts)
    (folder / "s.yaml").write_text(f"version: 1\nname: s\nplatforms: linux/amd64\ncharts:\n{lines}")
    return folder / "s.yaml"


@case
def a_chart_of_an_http_repository_is_what_helm_makes_of_it(world):
    """Helm's own SDK makes a repository; sealift carries the artifact that `helm push` makes; Helm pulls it from serve
    and from a registry after push, byte for byte."""
    program = engine.helm(world)
    folder = world.folder("helm-repository")
    dep = ("charts/dep/Chart.yaml", "apiVersion: v2\nname: dep\nversion: 0.1.0\n")
    write(folder / "web", CHART, [dep, ("templates/a.yaml", "kind: X\n")])
    write(folder / "old", LEGACY, [("requirements.yaml", "dependencies:\n- name: dep\n  version: 0.1.0\n  repository: ''\n  enabled: true\n"),
                                   dep])
    charts = folder / "http/charts"
    charts.mkdir(parents=True)
    made = {name: helm(program, "package", folder / name, charts) for name in ("web", "old")}
    helm(program, "index", charts)
    seen = []
    with web(folder / "http", seen) as place, serving(world, folder, folder / "data") as registry:
        path = spec(folder, place, [("web", "1.2.3+b1", ""), ("old", "0.9.0", "")])
        bundle = folder / "s.sealift"
        world.ok("collect", path, "-o", bundle, "--insecure", place)
        equal((seen[0], len(seen)), ("/charts/index.yaml", 3), f"one index and each archive once: {seen}")
        world.ok("push", bundle, "--to", f"{registry}/copied", "--insecure", registry)
        for name, tag in (("web", "1.2.3_b1"), ("old", "0.9.0")):
            helm(program, "push", made[name], f"oci://{registry}/own")
            theirs = json.loads(fetch(registry, f"own/{name}/manifests/{tag}", MANIFEST)[0])
            with served(world, bundle) as (_, mirror):
                ours = json.loads(fetch(mirror, f"charts/{name}/manifests/{tag}")[0])
                config = fetch(mirror, f"charts/{name}/blobs/{ours['config']['digest']}")[0]
                equal(config, fetch(registry, f"own/{name}/blobs/{theirs['config']['digest']}")[0], f"the config of {name}")
                created = [manifest["annotations"].pop("org.opencontainers.image.created") for manifest in (ours, theirs)]
                equal(ours, theirs, f"the manifest of {name}, but for its time {created}")
                pulled = folder / f"pulled-{name}"
                pulled.mkdir()
                version = tag.replace("_", "+")
                helm(program, "pull", f"oci://{mirror}/charts/{name}", version, pulled)
            helm(program, "pull", f"oci://{registry}/copied/charts/{name}", version, folder)
            for copy in (pulled, folder):
                equal((copy / f"{name}-{version}.tgz").read_bytes(), open(made[name], "rb").read(), f"{name} in {copy}")


@case
def charts_of_repositories_are_pinned(world):
    """A lock pins a chart; equal archives give equal bundles; a second collect fetches no archive; what changed is
    refused, by the lock and by the digest."""
    folder = world.folder("chart-pins")
    charts = folder / "http/charts"
    charts.mkdir(parents=True)
    first = archive("a", "apiVersion: v2\nname: a\nversion: 1.0.0\n")
    (charts / "a.tgz").write_bytes(first)
    digest = hashlib.sha256(first).hexdigest()
    index = "apiVersion: v1\nentries:\n  a:\n  - name: a\n    version: 1.0.0\n    urls: [a.tgz]\n    digest: %s\n"
    (charts / "index.yaml").write_text(index % digest)
    seen = []
    with web(folder / "http", seen) as place:
        path = spec(folder, place, [("a", "1.0.0", "")])
        network = ("--insecure", place)
        one = world.ok("collect", path, "-o", folder / "one.sealift", *network).out.split()[0]
        world.ok("lock", path, *network)
        equal(world.ok("collect", path, "-o", folder / "two.sealift", *network).out.split()[0], one, "the bundle with a lock")
        seen.clear()
        world.ok("collect", path, "-o", folder / "two.sealift", *network)
        equal(seen, [], "requests of a collect that has all")
        other = archive("a", "apiVersion: v2\nname: a\nversion: 1.0.0\ndescription: new\n")
        (charts / "a.tgz").write_bytes(other)
        world.refused(65, ["index says sha256:", "a 1.0.0"], "collect", path, "-o", folder / "three.sealift", *network)
        (charts / "index.yaml").write_text(index % hashlib.sha256(other).hexdigest())
        for mode in ((), ("--unlocked",)):
            world.refused(65, ["the lock has sha256:", "--update"], "collect", path, "-o", folder / "three.sealift", *mode, *network)
        (folder / "s.lock.json").write_text('{"files": [], "images": [], "version": 1}')
        world.refused(78, ["a:1.0.0.*s.yaml:5:.*the lock does not have it", "--unlocked"], "collect", path,
                      "-o", folder / "three.sealift", *network)
        said = world.ok("collect", path, "-o", folder / "three.sealift", "--unlocked", *network)
        require("not in the lock, taken as they are now" in said.err and "a:1.0.0" in said.err, f"what was taken: {said}")
        pinned = spec(folder, place, [("a", "1.0.0", f", digest: 'sha256:{digest}'")])
        (folder / "s.lock.json").unlink()
        (folder / "three.sealift").unlink()
        world.refused(65, [f"the spec says sha256:{digest}"], "collect", pinned, "-o", folder / "three.sealift", *network)


@case
def what_a_chart_repository_lacks_is_said(world):
    """Errors of chart repositories name the chart, the URL and what is near; all of a spec come in one run."""
    folder = world.folder("chart-errors")
    charts = folder / "http/charts"
    charts.mkdir(parents=True)
    good = archive("b", "apiVersion: v2\nname: b\nversion: 2.0.0\n")
    (charts / "b.tgz").write_bytes(good)
    (charts / "plain.tgz").write_bytes(b"no tar")
    (charts / "index.yaml").write_text(
        "apiVersion: v1\nentries:\n  nginx:\n" +
        "".join(f"  - {{ version: v1.{minor}.0, urls: [n.tgz] }}\n" for minor in (9, 10, 2)) +
        "  wrong:\n  - { version: 1.0.0, urls: [b.tgz] }\n  plain:\n  - { version: 1.0.0, urls: [plain.tgz] }\n"
        "  gone:\n  - { version: 1.0.0, urls: [gone.tgz] }\n  moved:\n  - { version: 1.0.0, urls: ['oci://r.io/c/moved:1.0.0'] }\n"
        "  none:\n  - { version: 1.0.0 }\n")
    with web(folder / "http") as place:
        path = spec(folder, place, [("nginx", "1.10.0", ""), ("ngnix", "1.0.0", ""), ("wrong", "1.0.0", ""), ("plain", "1.0.0", ""),
                                    ("gone", "1.0.0", ""), ("moved", "1.0.0", ""), ("none", "1.0.0", "")])
        said = world.refused((65, 69, 78), [], "collect", path, "-o", folder / "s.sealift", "--insecure", place, unchanged=[folder])
        for words in ("near it are v1.10.0, v1.9.0", "did you mean 'nginx'", "is b 2.0.0", "plain.tgz", "gone.tgz.* 404",
                      "'chart: oci://r.io/c/moved'", "gives no URL", "s.yaml:5:", "s.yaml:11:"):
            require(re.search(words, said.err), f"the message lacks {words!r}: {said}")
        (charts / "index.yaml").write_text("<html>log in</html>")
        world.refused(65, ["page for a browser", "'repo' in the spec"], "collect", spec(folder, place, [("a", "1.0.0", "")]),
                      "-o", folder / "s.sealift", "--insecure", place)
        (charts / "index.yaml").unlink()
        world.refused(69, ["index.yaml", "404"], "collect", folder / "s.yaml", "-o", folder / "s.sealift", "--insecure", place)


@case
def charts_are_put_into_builds(world):
    """`put` and `unpack` take the archives of carried charts, of HTTP repositories and OCI registries, into a build."""
    folder = world.folder("chart-builds")
    charts = folder / "http/charts"
    charts.mkdir(parents=True)
    first = archive("a", "apiVersion: v2\nname: a\nversion: 1.0.0\n")
    (charts / "a.tgz").write_bytes(first)
    (charts / "index.yaml").write_text("entries:\n  a:\n  - { version: 1.0.0, urls: [a.tgz] }\n")
    with web(folder / "http") as place, odd_registry.odd_registry() as registry:
        second = archive("b", "apiVersion: v2\nname: b\nversion: 2.0.0\n")
        registry.artifact("c/b", "2.0.0", config=b"{}", config_type="application/vnd.cncf.helm.config.v1+json",
                          layers=[("application/vnd.cncf.helm.chart.content.v1.tar+gzip", second)])
        path = spec(folder, place, [("a", "1.0.0", "")])
        steps = ("  - { chart: 'oci://%s/c/b', version: 2.0.0 }\nbuilds:\n- tag: t/charts:1\n  context:\n"
                 "  - { put: charts/a.tgz, chart: a }\n  - { unpack: charts/b, chart: 'b:2.0.0', strip: 1 }\n"
                 "  - { put: charts/again.tgz, chart: 'oci://%s/c/b:2.0.0' }\n"
                 "  kubefile: |\n    FROM scratch\n    COPY charts charts\n") % (registry.place, registry.place)
        path.write_text(path.read_text().replace("platforms: linux/amd64", f"platforms: {world.own}") + steps)
        network = ("--insecure", place, "--insecure", registry.place)
        world.ok("check", path, *network)
        world.ok("collect", path, "-o", folder / "s.sealift", *network)
        text = path.read_text()
        path.write_text(text.replace("chart: a }", "chart: c }").replace("chart: 'b:2.0.0'", "chart: 'b:2.0.1'"))
        world.refused(78, ["there is no chart 'c' in 'charts'", "there is no chart 'b:2.0.1'"], "check", path, *network)
    world.ok("apply", folder / "s.sealift", "--store", folder / "store", "--platform", world.own)
    merged = folder / "merged"
    merged.mkdir()
    Store(folder / "store").merged("charts:1", merged)
    equal((merged / "charts/a.tgz").read_bytes(), first, "the archive of an HTTP repository")
    equal((merged / "charts/again.tgz").read_bytes(), second, "the archive of a registry")
    require("name: b" in (merged / "charts/b/Chart.yaml").read_text(), "the chart that is unpacked")
