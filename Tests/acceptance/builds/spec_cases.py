# SPDX-License-Identifier: Apache-2.0
"""What a spec can say: paths of each platform, several files at once, removed files, what is no image; the shipped specs on
the bases that sealer's auto-build makes."""

import io
import json
import tarfile
import zipfile

import base
import images
from harness import ROOT, SPEC, Store, case, equal, require
from images import Entry
from refusal_base_cases import GOOD, STEPS, mini_base

DOCKER = "https://download.docker.com/linux/static/stable/{machine}/docker-19.03.15.tgz"


def collected(world, name, text):
    """Collects the spec; gives the bundle."""
    folder = world.folder(f"spec-{name}")
    made = folder / "mini.sealift"
    world.ok("collect", world.spec(folder, text), "-o", made, *world.network)
    return made


def built(world, name, text):
    """Collects the spec and applies the bundle for the machine's platform; gives the store."""
    made = collected(world, name, text)
    store = world.folder(f"spec-store-{name}")
    world.ok("apply", made, "--store", store, "--platform", world.own)
    return Store(store)


def small_docker(world):
    """The URL of a docker tarball of a few bytes."""
    program = Entry("docker/dockerd", 0o755, base.stand_in("dockerd", "19.03.15"))
    tarball = world.upstream_folder / "www/small/docker-19.03.15.tgz"
    tarball.parent.mkdir(exist_ok=True)
    tarball.write_bytes(images.compressed(images.tar(images.files([program]))))
    return f"{world.said['web']}/small/docker-19.03.15.tgz"


def shape(world, name):
    """(type, value, entries) of the layers of a small base as a branch of sealerio/basefs makes it."""
    architecture = world.architectures[0]
    cri = "cri/docker.tar.gz" if name in ("main", "pull-10") else f"cri/docker-{architecture}.tar.gz"
    script = "scripts/install-cri.sh" if name == "sealer-v0.8.6" else "scripts/docker.sh"
    shared = [Entry("etc/daemon.json", 0o644, GOOD["etc/daemon.json"]),
              Entry(script, 0o755, b"#!/bin/bash\nDOCKER_VERSION=\"19.03.14-sealer\"\ntar -zxf ../cri/docker*.tar.gz -C /usr/bin\n"),
              Entry("scripts/init-registry.sh", 0o755, b"#!/bin/bash\ndocker run $regArgs registry:2.7.1 || startRegistry\n")]
    programs = [Entry(cri, 0o644, base.sealer_docker()), Entry("bin/kubeadm", 0o755, b"x"),
                Entry(f"images/docker-{architecture}-registry-image.tar.gz", 0o644, b"old")]
    layers = [("COPY", "rootfs/* .", images.files(shared)), ("COPY", "${ARCH}/* .", images.files(programs)),
              ("COPY", "imageList manifests", images.files([Entry("manifests/imageList", 0o644, b"pause:3.5\n")]))]
    if name == "pull-10":
        for file in ("tigera-operator.yaml", "custom-resources.yaml"):
            layers.append(("COPY", f"{file} etc/", images.files([Entry(f"etc/{file}", 0o644, GOOD[f"etc/{file}"])])))
    return layers


def shipped(world, spec, name, layers, before):
    """A shipped spec on a base of these layers, with a small docker."""
    architecture = world.architectures[0]
    made, blobs, _ = base.instance(architecture, layers)
    top = images.listed_image(f"{name}:1", images.DOCKER, {architecture: (made, blobs)})
    images.push(top, f"http://{world.registry}", "shape")
    text = spec.read_text().replace(f"image: {before}", f"image: {world.registry}/shape/{name}:1")
    return text.replace("[linux/amd64, linux/arm64]", f"[{world.own}]").replace(DOCKER, small_docker(world))


def check_rawdocker(world, store, name, registry="registry"):
    """The built rootfs has upstream's docker alone, the saved registry alone, and no key of sealer's docker."""
    target = world.folder("spec-merged")
    store.merged(name, target)
    equal([path.name for path in (target / "cri").iterdir()], ["docker.tar.gz"], "cri/")
    equal([path.name for path in (target / "images").iterdir()], ["registry.tar"], "images/")
    require("mirror-registries" not in json.loads((target / "etc/daemon.json").read_text()), "daemon.json is as it was")
    scripts = "".join(path.read_text() for path in (target / "scripts").iterdir())
    require("registry:2.7.1" in scripts, "the scripts are lost")
    return target


@case
def the_guides_spec_builds_on_a_base_whose_rootfs_is_split(world):
    """The shipped spec takes the scripts, docker and calico's YAML from the four layers where pull/10 of sealerio/basefs has
    them, and the script that pins docker demands the new one."""
    text = shipped(world, SPEC, "pull-10", shape(world, "pull-10"), "kubernetes:v1.19.8")
    store = built(world, "pull-10", text)
    target = check_rawdocker(world, store, "kubernetes-rawdocker:v1.19.8")
    require("19.03.15" in (target / "scripts/docker.sh").read_text(), "docker.sh demands sealer's docker")
    require("sea.hub:5000/tigera/operator" in (target / "etc/tigera-operator.yaml").read_text(), "the operator's image")


@case
def the_spec_for_auto_built_bases_builds_on_each_of_their_layouts(world):
    """sealerio/basefs of the branches main, new_basefs and sealer-v0.8.6: docker.tar.gz or docker-ARCH.tar.gz, docker.sh or
    install-cri.sh."""
    spec = ROOT / "bundles/kubernetes-rawdocker-basefs.yaml"
    for name in ("main", "new_basefs", "sealer-v0.8.6"):
        text = shipped(world, spec, name, shape(world, name), "kubernetes:{release}")
        check_rawdocker(world, built(world, name, text), "kubernetes-rawdocker:v1.22.15")


@case
def the_split_base_of_the_demo_is_carried_for_every_platform(world):
    """The spec for auto-built bases as it is shipped, with the upstream's base of that shape: both platforms have a recorded
    outcome, and the images of the base's own registry stay."""
    text = (ROOT / "bundles/kubernetes-rawdocker-basefs.yaml").read_text().replace(DOCKER, small_docker(world))
    platforms = ", ".join(f"linux/{name}" for name in world.architectures)
    made = collected(world, "basefs", text.replace("[linux/amd64, linux/arm64]", f"[{platforms}]"))
    said = json.loads(world.ok("inspect", made, "--json").out)
    require(json.dumps(said).count("kubernetes-rawdocker:v1.22.15") >= len(world.architectures), "an outcome is missing")
    store = world.folder("spec-store-basefs")
    world.ok("apply", made, "--store", store, "--platform", world.own)
    target = check_rawdocker(world, Store(store), "kubernetes-rawdocker:v1.22.15")
    tags = target / "registry/docker/registry/v2/repositories"
    require((tags / "kube-proxy/_manifests/tags/v1.22.15").is_dir(), "an image of the base is lost")
    require((tags / "calico/apiserver/_manifests/tags/v3.22.1").is_dir(), "an image of the spec is lost")


@case
def steps_take_folders_patterns_and_placeholders(world):
    """One step rewrites a folder and another edits what matches; {arch} in a path and COPY is the platform's; a template is
    passed over with a note."""
    architecture = world.architectures[0]
    files = {**GOOD, "deploy/a.yaml": b"image: quay.io/tigera/operator:v1.17.4\ncount: 1\n", "deploy/b.yml": b"count: 1 # kept\n",
             "deploy/sub/c.yaml": b"x: 1\n", "deploy/t.yaml": b"{{ if .x }}\na: [\n{{ end }}\n",
             f"opt/{architecture}/bin": b"own", "opt/other/bin": b"other", "junk/a/b": b"x", "junk2": b"x"}
    steps = STEPS + ("      - rewrite: deploy\n      - edit: deploy/*.y*ml\n        set: { count: 2 }\n      - remove: [junk, 'junk?']\n"
                     "      - edit: 'opt/{arch}.json'\n        set: { a: b }\n")
    files[f"opt/{architecture}.json"] = b"{}"
    files.pop("deploy/t.yaml")
    text = mini_base(world, "several", files).replace(STEPS, steps)
    text = text.replace("      COPY . .\n", "      COPY . .\n      COPY opt/{arch}/* here\n")
    store = built(world, "several", text)
    target = store.merged("mini/several-built:1", world.folder("spec-several-merged"))
    equal((target / "deploy/a.yaml").read_text(), "image: sea.hub:5000/tigera/operator:v1.17.4\ncount: 2\n", "a.yaml")
    equal((target / "deploy/b.yml").read_text(), "count: 2 # kept\n", "b.yml")
    equal((target / "deploy/sub/c.yaml").read_text(), "x: 1\n", "c.yaml")
    equal((target / "here/bin").read_text(), "own", "what COPY {arch} took")
    equal(json.loads((target / f"opt/{architecture}.json").read_text()), {"a": "b"}, "the edited file")
    require(not (target / "junk").exists() and not (target / "junk2").exists(), "what was removed is there")
    files["deploy/t.yaml"] = b"{{ if .x }}\na: [\n{{ end }}\n"
    folder = world.folder("spec-template")
    text = mini_base(world, "template", files).replace(STEPS, STEPS + "      - rewrite: deploy\n")
    said = world.ok("check", world.spec(folder, text), *world.network, cwd=folder)
    require("deploy/t.yaml is no plain YAML" in said.err, f"the template is not named: {said}")


@case
def what_several_files_lack_is_a_mistake(world):
    """A key that none of the files has, a pattern that no file matches, a name that is not there."""
    for name, steps, word in [
            ("key", "      - edit: etc\n        set: { no.key: 1 }\n", "none of the"),
            ("pattern", "      - rewrite: etc/x*.yaml\n", "no file that matches"),
            ("remove", "      - remove: etc/none\n", "no such file or folder"),
            ("arch", "      - layer: rootfs\n        paths: 'etc/{arch}.yaml'\n", f"etc/{world.architectures[0]}.yaml")]:
        folder = world.folder(f"spec-lack-{name}")
        spec = world.spec(folder, mini_base(world, f"lack-{name}", GOOD).replace(STEPS, STEPS + steps))
        world.refused((66, 78), [word, r"kubernetes-rawdocker.yaml:\d+:9"], "collect", spec, "-o", folder / "mini.sealift",
                      *world.network)


@case
def what_only_looks_like_an_image_is_said_once(world):
    """A text in an image key that names none is refused with the way out, and with notImages collected, applied and left as
    it is."""
    files = {**GOOD, "manifests/app.yaml": b"image: parameter.image\nother:\n  image: '#Image & {x}'\n"}
    text = mini_base(world, "looks", files)
    folder = world.folder("spec-looks")
    spec = world.spec(folder, text)
    world.refused(66, ["parameter.image", "notImages"], "collect", spec, "-o", folder / "mini.sealift", *world.network)
    more = text.replace("registry: sea.hub:5000", 'notImages: [parameter.*, "#Image & *"]\nregistry: sea.hub:5000')
    store = built(world, "looks", more.replace(STEPS, STEPS + "      - rewrite: manifests/app.yaml\n"))
    merged = store.merged("mini/looks-built:1", world.folder("spec-looks-merged"))
    equal((merged / "manifests/app.yaml").read_bytes(), files["manifests/app.yaml"], "the file")


@case
def files_of_the_host_and_of_the_spec_are_carried(world):
    """A file by its path, one for each platform, a text of the spec, modes, a Kubefile beside the spec, lists in edits: as
    they are here, apply puts them there, with the paths gone. The lock pins the files, and an altered one is refused."""
    architecture = world.architectures[0]
    folder, store = world.folder("spec-own"), world.folder("spec-store-own")
    text = mini_base(world, "own", GOOD)
    text = text.replace("images:\n", "files:\n  tool: { path: 'parts/tool-{arch}' }\n  note: { text: \"hello\\n\" }\n"
                        "  manifest: { path: ./m.yaml }\nimages:\n", 1)
    text = text.replace(STEPS, STEPS + (
        "      - { put: bin/tool, file: tool, mode: 0755 }\n      - { put: etc/note, file: note }\n"
        "      - { put: manifests/m.yaml, file: manifest }\n"
        "      - edit: etc/daemon.json\n        set: { log-opts: { max-size: 10m } }\n"
        "        append: { insecure-registries: 'sea.hub:5000' }\n"))
    head, _, tail = text.partition("    kubefile: |\n")
    spec = world.spec(folder, head + "    kubefile: { path: Kubefile }\n")
    (folder / "Kubefile").write_text("".join(line.strip() + "\n" for line in tail.splitlines()))
    (folder / "parts").mkdir()
    (folder / "parts" / f"tool-{architecture}").write_bytes(b"#!/bin/sh\n")
    (folder / "m.yaml").write_bytes(b"image: quay.io/tigera/operator:v1.17.4\n")
    world.ok("lock", spec, *world.network)
    made = folder / "mini.sealift"
    world.ok("collect", spec, "-o", made, *world.network)
    first = made.read_bytes()
    (folder / "parts" / f"tool-{architecture}").write_bytes(b"#!/bin/bash\n")
    world.refused(65, ["the lock has", "--update tool"], "collect", spec, "-o", folder / "other.sealift", *world.network)
    (folder / "parts" / f"tool-{architecture}").write_bytes(b"#!/bin/sh\n")
    made.unlink()
    world.ok("collect", spec, "-o", made, *world.network)
    equal(made.read_bytes(), first, "a second collect")
    equal(sorted(path.name for path in folder.iterdir() if not path.name.startswith("other.sealift.")),
          ["Kubefile", "kubernetes-rawdocker.lock.json", "kubernetes-rawdocker.yaml", "m.yaml", "mini.sealift",
           "mini.sealift.provenance.json", "parts"], "files left")
    world.ok("apply", made, "--store", store, "--platform", world.own)
    target = Store(store).merged("mini/own-built:1", world.folder("spec-own-merged"))
    equal((target / "bin/tool").read_bytes(), b"#!/bin/sh\n", "the tool")
    equal((target / "bin/tool").stat().st_mode & 0o7777, 0o755, "its mode")
    equal((target / "etc/note").read_text(), "hello\n", "the text")
    daemon = json.loads((target / "etc/daemon.json").read_text())
    equal(daemon, {"log-level": "warn", "log-opts": {"max-size": "10m"}, "insecure-registries": ["sea.hub:5000"]}, "daemon.json")


@case
def a_mistake_in_a_kubefile_of_its_own_is_told_with_its_line(world):
    """The place of a mistake is the Kubefile's, and a file that is not there is one mistake with its place in the spec."""
    folder = world.folder("spec-kubefile")
    text = mini_base(world, "ownkubefile", GOOD)
    head, _, _ = text.partition("    kubefile: |\n")
    spec = world.spec(folder, head.replace("images:\n", "files: { gone: { path: ./gone.tgz } }\nimages:\n", 1)
                      + "    kubefile: { path: Kubefile }\n")
    (folder / "Kubefile").write_text("FROM scratch\nCOPY nowhere .\n")
    world.refused((66, 78), [r"spec-kubefile/Kubefile:2:1", r"gone\.tgz"], "collect", spec, "-o", folder / "m.sealift", *world.network)


def tar_of(entries):
    """A tar.gz of (name, type, data or link, mode)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, kind, data, mode in entries:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, mode
            if kind == tarfile.REGTYPE:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            else:
                member.linkname = data
                tar.addfile(member)
    return out.getvalue()


def unpacking(world, name, archive, step):
    """The spec, in a folder of its own, of a small base and a step that unpacks the archive."""
    folder = world.folder(f"spec-unpack-{name}")
    (folder / "archive").write_bytes(archive)
    text = mini_base(world, f"unpack-{name}", GOOD).replace(STEPS, STEPS + step)
    return folder, world.spec(folder, text.replace("images:\n", "files: { archive: { path: ./archive } }\nimages:\n", 1))


@case
def members_of_archives_are_unpacked(world):
    """Members of a tar and of a zip: chosen by pattern, stripped, with their permissions and links, alike in collect and apply."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as made:
        for name, mode in [("top/bin/a", 0o100755), ("top/bin/b", 0o100644), ("top/doc/c", 0o100644)]:
            facts = zipfile.ZipInfo(name)
            facts.external_attr = mode << 16
            made.writestr(facts, name * 1000)
    tarred = tar_of([("./top/bin", tarfile.DIRTYPE, "", 0o700), ("./top/bin/a", tarfile.REGTYPE, b"top/bin/a" * 1000, 0o4755),
                     ("./top/bin/b", tarfile.REGTYPE, b"top/bin/b" * 1000, 0o644), ("./top/bin/l", tarfile.SYMTYPE, "a", 0o777),
                     ("./top/bin/h", tarfile.LNKTYPE, "./top/bin/a", 0o755), ("./top/doc/c", tarfile.REGTYPE, b"c", 0o644)])
    step = "      - { unpack: opt/tool, file: archive, members: top/bin, strip: 1 }\n"
    for name, archive in [("zip", zipped.getvalue()), ("tar", tarred)]:
        folder, spec = unpacking(world, name, archive, step)
        made, store = folder / "mini.sealift", world.folder(f"spec-unpack-store-{name}")
        world.ok("collect", spec, "-o", made, *world.network)
        world.ok("apply", made, "--store", store, "--platform", world.own)
        target = Store(store).merged(f"mini/unpack-{name}-built:1", world.folder("spec-unpack-merged")) / "opt/tool"
        wanted = ["bin/a", "bin/b"] + (["bin/h", "bin/l"] if name == "tar" else [])
        equal(sorted(str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()), wanted, name)
        for path, mode in [("bin/a", 0o755), ("bin/b", 0o644)]:
            equal((target / path).read_text(), f"top/{path}" * 1000, path)
            equal((target / path).stat().st_mode & 0o7777, mode, f"the mode of {path}")
        if name == "tar":
            equal(((target / "bin/h").read_bytes(), (target / "bin/l").readlink().name), ((target / "bin/a").read_bytes(), "a"), "links")


@case
def hostile_archives_are_refused(world):
    """Members and links that leave the folder, devices, pages, nothing, wrong members: collect refuses, with the place."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as made:
        made.writestr("../out", b"x")
    step, all_of_it = "      - { unpack: opt, file: archive, members: none/* }\n", "      - { unpack: opt, file: archive }\n"
    good = ("ok", tarfile.REGTYPE, b"x", 0o644)
    for name, archive, what, words in [
            ("dots", tar_of([("../out", tarfile.REGTYPE, b"x", 0o644)]), all_of_it, "leaves the folder"),
            ("absolute", tar_of([("/etc/x", tarfile.REGTYPE, b"x", 0o644)]), all_of_it, "leaves the folder"),
            ("zip-dots", zipped.getvalue(), all_of_it, "leaves the folder"),
            ("link", tar_of([good, ("l", tarfile.SYMTYPE, "/etc/passwd", 0o777)]), all_of_it, "leads out"),
            ("through", tar_of([("d", tarfile.SYMTYPE, "e", 0o777), ("d/x", tarfile.REGTYPE, b"x", 0o644)]), all_of_it, "link is there"),
            ("hardlink", tar_of([good, ("h", tarfile.LNKTYPE, "later", 0o644)]), all_of_it, "not before it"),
            ("device", tar_of([good, ("c", tarfile.CHRTYPE, "", 0o644)]), all_of_it, "device"),
            ("page", b"<html>login</html>" * 100, all_of_it, "page"), ("empty", b"", all_of_it, "empty"),
            ("cut", zipped.getvalue()[:40], all_of_it, "unpack archive"), ("members", tar_of([good]), step, "no such member"),
            ("strip", tar_of([good]), "      - { unpack: opt, file: archive, strip: 1 }\n", "stripped")]:
        folder, spec = unpacking(world, name, archive, what)
        world.refused((65, 66, 78), [words, r"kubernetes-rawdocker.yaml:\d+:9"], "check", spec, *world.network, cwd=folder)


@case
def the_spec_with_containerd_and_flannel_builds(world):
    """The shipped spec takes flannel's YAML from beside it: its images are saved, and its YAML names the cluster's registry."""
    architecture = world.architectures[0]
    for name in ("flannel/flannel:v0.24.2", "flannel/flannel-cni-plugin:v1.4.0-flannel1"):
        layer = images.tar(images.files([Entry("name", 0o644, name.encode())]))
        made = images.container(images.OCI, architecture, [layer], ["/flanneld"])
        images.push(images.listed_image(name, images.OCI, {architecture: made}), f"http://{world.registry}", "docker.io")
    layers = [("COPY", "rootfs/* .", images.files([Entry("etc/dump-config.toml", 0o644, b"version = 2\n")])),
              ("COPY", "${ARCH}/* .", images.files([Entry("cri/cri-containerd-1.6.12-linux-amd64.tar.gz", 0o644, b"x")]))]
    spec = ROOT / "bundles/kubernetes-containerd-flannel.yaml"
    text = shipped(world, spec, "containerd", layers, "kubernetes:{release}-containerd")
    text = text.replace("FROM kubernetes:{release}-containerd", f"FROM {world.registry}/shape/containerd:1")
    folder, store = world.folder("spec-flannel"), world.folder("spec-flannel-store")
    (folder / "kube-flannel.yml").write_text(
        "spec:\n  initContainers:\n  - image: docker.io/flannel/flannel-cni-plugin:v1.4.0-flannel1\n"
        "  containers:\n  - image: docker.io/flannel/flannel:v0.24.2\n")
    made = folder / "flannel.sealift"
    world.ok("collect", world.spec(folder, text), "-o", made, *world.network)
    world.ok("apply", made, "--store", store, "--platform", world.own)
    target = Store(store).merged("kubernetes-containerd-flannel:v1.22.15", world.folder("spec-flannel-merged"))
    yaml = (target / "manifests/kube-flannel.yml").read_text()
    equal(yaml.count("sea.hub:5000/flannel/"), 2, "images of the cluster's registry")
    tags = target / "registry/docker/registry/v2/repositories/flannel"
    require((tags / "flannel/_manifests/tags/v0.24.2").is_dir(), "flannel is not saved")
    require((tags / "flannel-cni-plugin/_manifests/tags/v1.4.0-flannel1").is_dir(), "its plugin is not saved")


@case
def the_spec_of_a_mirror_site_is_collected(world):
    """Images alone make a bundle that verifies and names each of them."""
    folder = world.folder("spec-mirror")
    platforms = ", ".join(f"linux/{name}" for name in world.architectures)
    text = (ROOT / "bundles/mirror-site.yaml").read_text().replace("[linux/amd64, linux/arm64]", f"[{platforms}]")
    made = folder / "mirror.sealift"
    world.ok("collect", world.spec(folder, text), "-o", made, *world.network)
    world.ok("verify", made)
    said = world.ok("inspect", made).out
    for name in ("registry:2.7.1", "calico/node:v3.19.1", "tigera/operator:v1.17.4"):
        require(name in said, f"{name} is not named: {said}")
