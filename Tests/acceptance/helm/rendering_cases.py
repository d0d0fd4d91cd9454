# SPDX-License-Identifier: Apache-2.0
"""Charts of a spec: their images by Helm, by what charts say themselves, and by the lock."""

import json
from contextlib import contextmanager

from engine import helm, packed, pushed, written
from harness import case, equal, require
from odd_registry import odd_registry

BEGIN = "version: 1\nname: site\nplatforms: linux/amd64\n"
# An image by a helper, one that values turn on, one in an argument, and one of a chart within.
WEB = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: v1\n",
    "values.yaml": "image: { registry: REGISTRY, repository: n/web }\nextra: { enabled: false }\nsub: { tag: v9 }\n",
    "templates/_helpers.tpl": '{{- define "web.image" -}}\n{{ .registry }}/{{ .repository }}:{{ .tag | default "v1" }}\n{{- end -}}\n',
    "templates/pod.yaml": """apiVersion: v1
kind: Pod
metadata: { name: x }
spec:
  containers:
    - name: a
      image: {{ include "web.image" .Values.image | quote }}
      args: [ "--sidecar=REGISTRY/n/sidecar:v1" ]
{{- if .Values.extra.enabled }}
    - name: b
      image: REGISTRY/n/extra:{{ required "extra.tag is needed" .Values.extra.tag }}
{{- end }}
""",
    "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 2.0.0\n",
    "charts/sub/values.yaml": "tag: v1\n",
    "charts/sub/templates/pod.yaml":
        "apiVersion: v1\nkind: Pod\nmetadata: { name: y }\nspec:\n  containers:\n    - image: REGISTRY/n/sub:{{ .Values.tag }}\n",
}


def charted(registry, files=WEB, **more):
    """The chart's files with the registry's own name."""
    return {path: text.replace("REGISTRY", registry.place) for path, text in {**files, **more}.items()}


@contextmanager
def upstream():
    """A registry with the images of the charts."""
    with odd_registry() as registry:
        for name, tag in (("web", "v1"), ("extra", "v3"), ("sub", "v9"), ("sub", "v1"), ("sidecar", "v1")):
            registry.image(f"n/{name}", f"{name} {tag}", tag)
        yield registry


def collect(world, registry, spec, *options, codes=0, words=()):
    """Collects the spec, without Helm in PATH."""
    arguments = ("collect", spec, "-o", spec.with_suffix(".sealift"), "--insecure", registry.place, *options)
    if codes:
        return world.refused(codes, words, *arguments)
    return world.ok(*arguments)


def facts(world, spec):
    """The chart records of the bundle's lock, and the names of its images without the registry."""
    lock = json.loads(world.ok("inspect", "--json", spec.with_suffix(".sealift")).out)["lock"]
    names = sorted(image["reference"].split("/", 1)[1] for image in lock["images"])
    return lock.get("charts"), names


@case
def charts_are_rendered_and_the_lock_keeps_their_images(world):
    """A chart of a registry is rendered with its values; with a lock no Helm is needed, and other values are refused."""
    program = helm(world)
    with upstream() as registry:
        chart = pushed(registry, "charts/web", "1.0.0", packed(charted(registry)))
        spec = world.folder("charts-rendered") / "site.yaml"
        text = BEGIN + f"charts:\n  - chart: oci://{registry.place}/charts/web\n    version: 1.0.0\n"
        spec.write_text(text + "    values: { extra: { enabled: true, tag: v3 } }\n")
        said = collect(world, registry, spec, "--helm", program).err
        for words in ("charts/web:1.0.0: 3 images rendered by Helm", "web/templates/pod.yaml, line",
                      f"'{registry.place}/n/sidecar:v1' may be an image"):
            require(words in said, f"collect does not say {words}: {said}")
        [record], names = facts(world, spec)
        equal(names, ["charts/web:1.0.0", "n/extra:v3", "n/sub:v9", "n/web:v1"], "what is carried")
        equal((record["means"], record["digest"], record["version"]), ("helm", chart["digest"], "1.0.0"), "the record")
        equal([image.split("/", 1)[1] for image in record["images"]], ["n/extra:v3", "n/sub:v9", "n/web:v1"], "its images")
        world.ok("lock", spec, "--insecure", registry.place, "--helm", program)
        first = spec.with_suffix(".sealift").read_bytes()
        spec.with_suffix(".sealift").unlink()
        said = collect(world, registry, spec).err
        require("3 images by the lock, found by Helm" in said, said)
        equal(spec.with_suffix(".sealift").read_bytes(), first, "the bundle of the lock, without Helm")
        spec.write_text(text + "    values: { image: { tag: v1 } }\n")
        collect(world, registry, spec, codes=65, words=["sha256:.*sha256:", "sealift lock", r"site.yaml:5:5"])
        world.ok("lock", spec, "--insecure", registry.place, "--helm", program)
        collect(world, registry, spec)
        equal(facts(world, spec)[1], ["charts/web:1.0.0", "n/sub:v9", "n/web:v1"], "what the new lock carries")
        locked = json.loads(spec.with_suffix(".lock.json").read_text())["images"]
        equal(len(locked), 3, f"images of the lock {locked}")


@case
def charts_of_this_host_and_files_of_values(world):
    """A chart as a folder or an archive of this host, with files of values; a file of it that changes is refused."""
    program = helm(world)
    with upstream() as registry:
        folder = world.folder("charts-local")
        spec = folder / "site.yaml"
        written(folder / "web", charted(registry))
        (folder / "web.tgz").write_bytes(packed(charted(registry)))
        (folder / "one.yaml").write_text("extra: { enabled: true, tag: none }\n")
        (folder / "two.yaml").write_text("extra: { tag: v3 }\n")
        for path in ("./web", "./web.tgz"):
            spec.write_text(BEGIN + f"charts:\n  - chart: {path}\n    valuesFiles: [one.yaml, two.yaml]\n    values: {{ sub: {{ tag: v1 }} }}\n")
            world.ok("lock", spec, "--insecure", registry.place, "--helm", program)
            collect(world, registry, spec)
            [record], names = facts(world, spec)
            equal(names, ["n/extra:v3", "n/sub:v1", "n/web:v1"], f"what is carried of {path}")
            equal((record["chart"], record["version"]), (path, "1.0.0"), "the record")
        (folder / "two.yaml").write_text("extra: { tag: v4 }\n")
        collect(world, registry, spec, codes=65, words=["for the values sha256:.* the values sha256:"])
        (folder / "two.yaml").write_text("extra: { tag: v3 }\n")
        (folder / "web.tgz").write_bytes(packed(charted(registry, **{"NOTES.txt": "x"})))
        collect(world, registry, spec, codes=65, words=["the lock has sha256:.* and it is sha256:"])


@case
def what_helm_refuses_is_shown(world):
    """A missing value, a broken template, a chart without its dependencies, no chart: Helm's words, escaped, and what to do."""
    program = helm(world)
    with upstream() as registry:
        folder = world.folder("charts-refused")
        spec = folder / "site.yaml"
        for number, (files, values, words) in enumerate([
                ({}, "{ extra: { enabled: true } }", ["extra.tag is needed", "'values'"]),
                ({"templates/bad.yaml": '{{ fail "no\\u001b[31m\\u202eway" }}'}, "{}", [r"no\\u001b\[31m\\u202eway"]),
                ({"templates/bad.yaml": "{{ if }}"}, "{}", ["bad.yaml", "missing value for if"]),
                ({"templates/bad.yaml": "a: [\n"}, "{}", ["bad.yaml|what Helm renders"]),
                ({"Chart.yaml": "name: [\n"}, "{}", ["web|Chart.yaml"])]):
            written(folder / f"web{number}", charted(registry, **files))
            spec.write_text(BEGIN + f"charts:\n  - chart: ./web{number}\n    values: {values}\n")
            outcome = collect(world, registry, spec, "--helm", program, codes=(65, 78), words=[*words, "site.yaml:5:5"])
            require("\x1b" not in outcome.err and "\u202e" not in outcome.err, f"raw characters: {outcome}")
        spec.write_text(BEGIN + "charts:\n  - chart: ./none\n")
        collect(world, registry, spec, "--helm", program, codes=(66, 78), words=["none"])
        collect(world, registry, spec, "--helm", folder / "nothing", codes=(66, 78), words=["none|nothing"])


@case
def without_helm_charts_speak_for_themselves(world):
    """Without Helm the annotation, Images.lock or the templates give the images, and collect says which and how sure."""
    listed = {"Chart.yaml": WEB["Chart.yaml"] + "annotations:\n  artifacthub.io/images: |\n    - name: x\n      image: REGISTRY/n/extra:v3\n"}
    lock = {"Images.lock": "apiVersion: v0\nimages:\n  - name: x\n    image: REGISTRY/n/sidecar:v1\n"}
    simple = {"templates/pod.yaml": "image: REGISTRY/n/extra:{{ .Values.extra.tag }}\nimage: {{ include \"web.image\" . }}\n"}
    with upstream() as registry:
        folder = world.folder("charts-alone")
        spec = folder / "site.yaml"
        for number, (files, means, names, words) in enumerate([
                (listed, "annotation", ["n/extra:v3", "n/sub:v9"], ["by its annotation artifacthub.io/images"]),
                ({**listed, **lock}, "imagesLock", ["n/sidecar:v1", "n/sub:v9"], ["by its Images.lock"]),
                (simple, "templates", ["n/extra:v3", "n/sub:v9"],
                 ["read without Helm: not sure", "--helm PATH", "templates/pod.yaml:2: '{{ include"])]):
            written(folder / f"web{number}", charted(registry, **files))
            spec.write_text(BEGIN + f"charts:\n  - chart: ./web{number}\n    values: {{ extra: {{ tag: v3 }} }}\n")
            said = world.ok("collect", spec, "-o", spec.with_suffix(".sealift"), "--insecure", registry.place,
                            environment={"PATH": "/nonexistent"}).err
            for part in words:
                require(part in said, f"collect does not say {part}: {said}")
            [record], found = facts(world, spec)
            equal((record["means"], found), (means, names), f"what {means} gives")


@case
def a_lock_made_without_helm_is_renewed_by_helm(world):
    """`lock` asks Helm where an earlier lock was made without it; what is carried already is not called unknown."""
    program = helm(world)
    with upstream() as registry:
        folder = world.folder("charts-renewed")
        spec = folder / "site.yaml"
        more = "--again=REGISTRY/n/web:v1, --sidecar=REGISTRY/n/sidecar:v1, --twice=REGISTRY/n/sidecar:v1"
        pod = WEB["templates/pod.yaml"].replace('"--sidecar=REGISTRY/n/sidecar:v1"', more)
        written(folder / "web", charted(registry, **{"templates/pod.yaml": pod}))
        spec.write_text(BEGIN + "charts:\n  - chart: ./web\n")
        lock = spec.with_suffix(".lock.json")
        for options, means in (([], "templates"), (["--helm", program], "helm"), ([], "helm")):
            said = world.ok("lock", spec, "--insecure", registry.place, *options, environment={"PATH": "/nonexistent"}).err
            equal(json.loads(lock.read_text())["charts"][0]["means"], means, f"the lock by {options}")
            if options:
                require("; 1 more value is not known" in said and "n/web:v1' may" not in said, said)
        require("is up to date" in said, said)
