# SPDX-License-Identifier: Apache-2.0
"""The first spec: `init`, and `import` from the lists of other tools."""

import json
import re

import contents
import jsonschema
import yaml
from harness import ROOT, case, equal, require

SPEC_FORM = json.loads((ROOT / "bundles/spec.schema.json").read_text())
DIGEST = "sha256:" + "1d" * 32
HAULER = f"""
apiVersion: content.hauler.cattle.io/v1
kind: Images
metadata: {{name: x, annotations: {{hauler.dev/platform: linux/arm64, hauler.dev/registry: ghcr.io}}}}
spec: {{images: [{{name: busybox}}, {{name: "quay.io/a/b:v1@{DIGEST}", platform: linux/amd64, key: k.pub}}, {{name: NO NAME}}]}}
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
spec:
  charts:
    - {{name: rancher, repoURL: "https://r.example/stable", version: 2.8.2}}
    - {{name: hauler, repoURL: "oci://ghcr.io/hauler-dev", version: "1.10"}}
    - {{name: open, repoURL: "https://x.example", version: ^1.2}}
---
apiVersion: content.hauler.cattle.io/v1
kind: Files
spec: {{files: [{{path: "https://get.example/install.sh", name: "-a b"}}, {{path: "https://u:p@get.example/b"}}, {{path: local.yaml}}]}}
---
apiVersion: content.hauler.cattle.io/v1
kind: ImageTxts
spec: {{imageTxts: [{{ref: "https://get.example/images.txt"}}, {{ref: more.txt, sources: {{include: [a]}}}}]}}
---
apiVersion: collection.hauler.cattle.io/v1
kind: ThickCharts
spec: {{charts: [{{chart: {{name: ./thick-1.tgz}}, extraImages: [{{reference: "busybox:2"}}]}}]}}
---
apiVersion: collection.hauler.cattle.io/v1
kind: K3s
"""
ZARF = """
kind: ZarfPackageConfig
metadata: {name: big, architecture: arm64}
components:
  - name: base
    charts:
      - {name: podinfo, version: 6.4.0, url: "oci://ghcr.io/s/charts/podinfo", valuesFiles: [v.yaml]}
      - {name: loc, version: 1.0.0, localPath: chart}
      - {name: g, version: 1.0.0, url: "https://github.com/x/y.git", gitPath: charts/g}
      - {name: h, repoName: web, version: 2.0.0, url: "https://charts.example"}
    manifests: [{name: m, files: [a.yaml]}]
    imageArchives: [{path: saved.tar, images: ["a:1"]}]
    extensions: {bigbang: {version: 2.0.0}}
    images: ["nginx:1.27", "ghcr.io/x/y:###ZARF_PKG_TMPL_V###"]
    files: [{source: "https://get.example/h.tgz", shasum: %s, target: /x}, {source: ../own.sh}]
    repos: ["https://github.com/a/b.git"]
    actions: {onDeploy: {}}
  - {name: other, import: {path: ../other}}
""" % ("6b" * 32)
IMGPKG = f"""
apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLock
images:
- {{image: "index.docker.io/library/nginx@{DIGEST}", annotations: {{kbld.carvel.dev/id: "nginx:1.14.2"}}}}
- {{image: "ghcr.io/x/y@{DIGEST}"}}
"""
OC_MIRROR = """
apiVersion: mirror.openshift.io/v1alpha2
kind: ImageSetConfiguration
archiveSize: 4
mirror:
  platform: {channels: [{name: stable-4.14}]}
  operators: [{catalog: "registry.example/index:v4.14"}]
  additionalImages: [{name: "registry.example/ubi:8"}, {name: "quay.io/x/y:1"}]
  blockedImages: [{name: "quay.io/x/y:1"}, {name: "docker.io/library/.*"}]
  helm: {repositories: [{name: pod, url: "https://c.example/p", charts: [{name: podinfo, version: 5.0.0}]}],
         local: [{name: own, path: charts/own-1.0.0.tgz}]}
"""
PODS = json.dumps({"apiVersion": "v1", "kind": "List", "items": [
    {"kind": "Pod", "metadata": {"name": "p", "namespace": "kube-system"}, "spec": {
        "initContainers": [{"name": "i", "image": "busybox:1.36"}], "containers": [
            {"name": "c", "image": "registry.k8s.io/pause:3.9"}, {"name": "d", "image": "sha256:" + "0a" * 32}]}},
    {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "job:1"}]}}}}}}]})
LIST = "\ufeffnginx:1.2\r\n# no\n- redis:7\nregistry.k8s.io/pause:3.9   # x\nBAD NAME\nnginx:1.2\n"

# Name of the file, its text, what `import` calls it, what the spec has, and what it cannot have.
FORMS = [
    ("hauler.yaml", HAULER, "a Hauler manifest",
     {"platforms": ["linux/arm64", "linux/amd64"], "images": ["ghcr.io/busybox:latest", f"quay.io/a/b:v1@{DIGEST}", "busybox:2"],
      "charts": [{"chart": "rancher", "repo": "https://r.example/stable", "version": "2.8.2"},
                 {"chart": "oci://ghcr.io/hauler-dev/hauler", "version": "1.10"}, {"chart": "./thick-1.tgz"}],
      "files": {"a-b": {"url": "https://get.example/install.sh"}, "local.yaml": {"path": "local.yaml"},
                "images.txt": {"url": "https://get.example/images.txt"}, "more.txt": {"path": "more.txt"}},
      "imagesFrom": ["images.txt", "more.txt"]},
     ["k.pub|key of", "NO NAME", "chart open", "u:p@get.example", "sources of more.txt", "kind K3s"]),
    ("zarf.yaml", ZARF, "a Zarf package",
     {"platforms": ["linux/arm64"], "images": ["nginx:1.27"],
      "charts": [{"chart": "oci://ghcr.io/s/charts/podinfo", "version": "6.4.0", "valuesFiles": ["v.yaml"]}, {"chart": "./chart"},
                 {"chart": "web", "repo": "https://charts.example", "version": "2.0.0"}],
      "files": {"h.tgz": {"url": "https://get.example/h.tgz", "sha256": "6b" * 32}, "own.sh": {"path": "../own.sh"}}},
     ["saved.tar", "extensions of base", "y.git", "manifests m", "ZARF_PKG", "b.git", "actions of base", "component other"]),
    ("lock.yml", IMGPKG, "an imgpkg images lock",
     {"platforms": ["linux/amd64"], "images": [f"nginx:1.14.2@{DIGEST}", f"ghcr.io/x/y@{DIGEST}"]}, []),
    ("sets.yaml", OC_MIRROR, "an oc-mirror image set configuration",
     {"platforms": ["linux/amd64"], "images": ["registry.example/ubi:8"],
      "charts": [{"chart": "podinfo", "repo": "https://c.example/p", "version": "5.0.0"}, {"chart": "./charts/own-1.0.0.tgz"}]},
     ["platform", r"blocked image docker.io/library/\.\*", "operators of registry.example/index:v4.14"]),
    ("pods.json", PODS, "a list of Kubernetes objects",
     {"platforms": ["linux/amd64"], "images": ["busybox:1.36", "registry.k8s.io/pause:3.9", "job:1"]},
     ["Pod kube-system p, container d"]),
    ("images.txt", LIST, "a list of images, one a line",
     {"platforms": ["linux/amd64"], "images": ["nginx:1.2", "redis:7", "registry.k8s.io/pause:3.9"]}, ["5:1: BAD NAME"]),
]


@case
def lists_of_other_tools_become_specs(world):
    """Each form becomes a spec of the schema with all that a spec can carry; all else is reported, and is in a comment."""
    folder = world.folder("import")
    for name, text, form, wanted, lost in FORMS:
        source, target = folder / name, folder / f"{name}.spec"
        source.write_text(text)
        told = world.ok("import", source, "-o", target)
        require(f"{source} is {form}: " in told.err, f"what {name} is: {told}")
        written = target.read_text()
        spec = yaml.safe_load(written)
        jsonschema.validate(spec, SPEC_FORM)
        equal({key: value for key, value in spec.items() if key not in ("version", "name")}, wanted, f"the spec of {name}")
        comments = [line for line in written.splitlines() if line.startswith("#   ")]
        equal(len(comments), len(lost), f"what {name} loses: {comments}")
        for word in lost:
            require(any(re.search(word, line) for line in comments), f"no comment on {word}: {comments}")
            require(re.search(word, told.err), f"no word on {word}: {told}")
        piped = world.ok("import", source)
        equal(piped.out, written, "standard output without -o")
        images = [line for line in world.ok("images", source).out.splitlines() if not line.startswith("docker.io/library/sha256")] \
            if name != "images.txt" else spec["images"]
        equal(len(images), len(spec["images"]), f"images that `images {name}` lists")
        if form.split()[1] in ("Hauler", "Zarf", "imgpkg", "oc-mirror"):
            require(f"is {form}; `sealift import" in world.ok("images", source).err, "`images` says what it is")
    world.refused(73, ["there already"], "import", folder / "lock.yml", "-o", folder / "zarf.yaml.spec", unchanged=[folder])
    world.refused(64, ["is a spec already"], "import", folder / "zarf.yaml.spec")
    (folder / "empty.yaml").write_text("kind: ZarfPackageConfig\n")
    world.refused(65, ["a Zarf package, and names no image"], "import", folder / "empty.yaml")


@case
def an_imported_spec_is_collected(world):
    """From a list of images to a bundle: import, check, collect; the bundle has these images."""
    folder = world.folder("import-collect")
    (folder / "site.list.txt").write_text("\n".join(contents.CALICO[:2]) + "\n")
    world.ok("import", folder / "site.list.txt", "--platform", world.own, "-o", folder / "site.yaml")
    world.ok("check", folder / "site.yaml", *world.network)
    world.ok("collect", folder / "site.yaml", "-o", folder / "site.sealift", *world.network)
    facts = json.loads(world.ok("inspect", folder / "site.sealift", "--json").out)
    equal(facts["spec"]["name"], "site", "name")
    equal([artifact["name"] for artifact in facts["sizes"]["artifacts"]],
          [f"docker.io/{name}" for name in sorted(contents.CALICO[:2])], "images")


@case
def a_list_named_over_and_over_by_aliases_is_bounded(world):
    """A small file whose aliases name a long list ten thousand times ends at once, and says what it left out."""
    path = world.folder("import-aliases") / "zarf.yaml"
    path.write_text("kind: ZarfPackageConfig\ncomponents:\n  - {name: a, images: &i [" + ", ".join(f"a:{n}" for n in range(1000))
                    + "]}\n" + "  - {images: *i}\n" * 10_000)
    told = world.ok("import", path, timeout=60)
    require("more than 250000 entries" in told.err, "the bound is reported")


@case
def init_writes_specs_that_pass(world):
    """Each kind of first spec is of the schema and read by sealift; the docker one is proved; nothing is overwritten."""
    folder = world.folder("init")
    for kind in ("mirror", "docker", "containerd", "chart", "operator"):
        world.ok("init", "--kind", kind, cwd=folder)
        path = folder / f"{kind}.yaml"
        jsonschema.validate(yaml.safe_load(path.read_text()), SPEC_FORM)
        equal(world.ok("init", "--kind", kind, "-o", "-").out, path.read_text(), "the same on standard output")
        require(path.read_text().count("#") > 4, "comments")
        # `images --check` reads the spec first: one that cannot be read ends with 78.
        (folder / "none.txt").write_text("")
        told = world.run("images", folder / "none.txt", "--check", path)
        equal(told.code, 78 if kind == "operator" else 0, f"how the spec is read: {told}")
        require(kind != "operator" or "takes images from files, and no lock says which" in told.err, f"what is missing: {told}")
        world.refused(73, ["there already", "-o"], "init", "--kind", kind, cwd=folder, unchanged=[folder])
    world.ok("check", folder / "docker.yaml", "--platform", world.own, *world.network)
