# SPDX-License-Identifier: Apache-2.0
"""images: what YAML, imageLists and rendered charts name, and what a spec misses of it."""

import gzip
import io
import json
import subprocess
import tarfile

import contents
from harness import case, equal, require

RENDERED = """---
# Source: demo/templates/all.yaml
apiVersion: v1
kind: List
items:
  - kind: Pod
    spec: { initContainers: [{ image: "quay.io/tigera/operator:v1.17.4" }], containers: [{ image: nginx }] }
---
kind: Pod
spec: { containers: [{ image: nginx:latest }, { image: calico/node:v3.19.1 }] }
"""
NAMED = ["quay.io/tigera/operator:v1.17.4", "docker.io/library/nginx:latest", "docker.io/calico/node:v3.19.1"]


@case
def images_are_listed_once(world):
    """Files, folders at any depth and standard input give each reference once, one a line."""
    folder = world.folder("manifests")
    (folder / "deep/er").mkdir(parents=True)
    (folder / "all.yaml").write_text(RENDERED)
    (folder / "deep/er/imageList").write_text("calico/node:v3.19.1\n# a comment\nbusybox\n")
    (folder / "deep/README").write_text("image: not/this:1\n")
    equal(world.ok("images", folder).out.splitlines(), [*NAMED, "docker.io/library/busybox:latest"], "a folder")
    equal(world.ok("images", folder / "all.yaml", folder / "all.yaml").out.splitlines(), NAMED, "a file, twice")
    for text, wanted in ((RENDERED, NAMED), ("calico/node:v3.19.1\n", NAMED[2:])):
        said = subprocess.run([world.sealift, "images", "-"], input=text, text=True, capture_output=True)
        equal((said.returncode, said.stdout.splitlines()), (0, wanted), "standard input")
    places = json.loads(world.ok("images", folder / "all.yaml", "--json").out)
    equal(places[0], {"reference": NAMED[0], "path": f"{folder}/all.yaml", "line": 7, "column": 40}, "the first place")
    (folder / "may.yaml").write_text("env:\n- name: X\n  value: quay.io/a/b:1\n")
    told = world.ok("images", folder / "may.yaml")
    require(not told.out and "1 more value may be an image" in told.err, f"what is counted: {told}")
    told = world.ok("images", folder / "may.yaml", "--possible")
    equal(told.out, "quay.io/a/b:1\n", "what may be an image")
    require("may.yaml:3:10: 'quay.io/a/b:1' may be an image" in told.err, f"no place: {told}")
    places = json.loads(world.ok("images", folder / "may.yaml", "--possible", "--json").out)
    equal([(p["reference"], p["line"], p["column"], "possible" in p) for p in places],
          [("quay.io/a/b:1", 3, 10, True)], "its place")
    (folder / "a-broken.yaml").write_text("{{ if .Values.x }}\nimage: [\n")
    told = world.run("images", folder)
    equal((told.code, told.out.splitlines()[:3]), (65, NAMED), "what stands beside a file that is not YAML")


def packed_chart(path):
    """Writes a packed chart that names an image of its values, one that only Helm can tell, and one in a part."""
    files = {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "web/values.yaml": "image: quay.io/a/web:1\n",
             "web/templates/a.yaml": "kind: Pod\nimage: {{ .Values.image }}\nimage: {{ include \"x\" . }}\n",
             "web/charts/db/Chart.yaml": "name: db\n", "web/charts/db/values.yaml": "",
             "web/charts/db/templates/a.yaml": "image: quay.io/a/db:2\n"}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@case
def packed_charts_are_read_and_binary_files_named(world):
    """images and import read a packed chart; what is no text is refused by its kind, and none of it is shown."""
    folder = world.folder("packed")
    chart = packed_chart(folder / "web-1.0.0.tgz")
    wanted = ["quay.io/a/db:2", "quay.io/a/web:1"]
    for arguments, source in ((("images", chart), None), (("images", "-"), chart.read_bytes())):
        told = subprocess.run([world.sealift, *arguments], input=source, capture_output=True)
        equal((told.returncode, sorted(told.stdout.decode().splitlines())), (0, wanted), f"{arguments}: {told}")
        require("templates/a.yaml:3" in told.stderr.decode() and "helm template" in told.stderr.decode(), f"what is open: {told}")
    places = json.loads(world.ok("images", chart, "--json").out)
    equal(sorted((place["path"].split("/")[-2:], place["line"]) for place in places),
          [(["templates", "a.yaml"], 1), (["templates", "a.yaml"], 2)], "the places")
    told = world.run("images", "--check", world.spec(world.folder("packed-spec")), chart)
    equal((told.code, sorted(told.out.splitlines())), (78, wanted), "what a spec misses of it")
    spec = world.ok("import", chart, "--name", "web").out
    require(all(f"  - {image}\n" in spec for image in wanted) and "only Helm can tell" in spec, f"the spec: {spec}")
    (folder / "other.tgz").write_bytes(gzip.compress(b"no tar"))
    for name, kind, content in (("a.zip", "a zip archive", b"PK\3\4" + bytes(range(256))), ("a.png", "a picture", b"\x89PNG\r\n\1\2"),
                                ("a.yaml", "binary data", b"a: b\0\x1b[31m"), ("ls", "a program", b"\x7fELF\2\1"),
                                ("utf16.yaml", "UTF-16", "a: b".encode("utf-16")), ("other.tgz", "no packed chart", None)):
        path = folder / name
        if content:
            path.write_bytes(content)
        for command, code in ((["images"], 65), (["import"], 65), (["images", "--rewrite", "sea.hub:5000"], 65), (["check"], 78)):
            said = world.refused(code, ["gzip archive" if name == "other.tgz" else kind], *command, path, unchanged=[folder])
            require("\x1b" not in said.err and "\\u" not in said.err, f"some of it is shown: {said}")


@case
def images_check_names_what_a_spec_misses(world):
    """images --check lists what the spec does not carry, tells where it is needed, and ends with 78."""
    folder, spec = world.folder("checked"), world.spec(world.folder("checking"))
    (folder / "all.yaml").write_text(RENDERED)
    told = world.run("images", "--check", spec, folder)
    equal((told.code, told.out), (78, "docker.io/library/nginx:latest\n"), "what is missing")
    require("all.yaml:7:" in told.err and "add '- nginx:latest'" in told.err, f"no place or remedy: {told}")
    (folder / "all.yaml").write_text(f"image: quay.io/{contents.OPERATOR}\n")
    (folder / "imageList").write_text("".join(f"{name}\n" for name in contents.CALICO))
    equal(world.ok("images", "--check", spec, folder).out, "", "what is missing of what is carried")
    (folder / "may.yaml").write_text("env:\n- name: X\n  value: quay.io/a/b:1\n")
    told = world.run("images", "--check", spec, folder)
    require(told.code == 78 and "may.yaml:3:10" in told.err and "notImages" in told.err, f"what may be missing: {told}")
    told = world.ok("images", "--check", spec, folder, "--lenient")
    require("may.yaml:3:10" in told.err, f"no warning: {told}")
    with open(spec, "a") as file:
        file.write("\nnotImages: [a/*]\n")
    told = world.ok("images", "--check", spec, folder)
    require("may.yaml" not in told.err, f"what the spec says is no image: {told}")
