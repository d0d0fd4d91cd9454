# SPDX-License-Identifier: Apache-2.0
"""Images that files of a spec name (`imagesFrom`), and images that are carried for some platforms only."""

import gzip
import json
import tarfile

import images
from harness import Store, case, equal, require
from refusal_base_cases import GOOD, STEPS, mini_base
from spec_cases import tar_of

YAML = """apiVersion: v1
kind: Pod
spec:
  containers:
  - name: a
    image: {registry}/from/a:1
    env: [{{ name: OTHER, value: "{registry}/from/possible:1" }}]
  - name: b
    image: {registry}/from/b:1
"""


def pushed(world, *names, architectures=None):
    """Pushes small images below from/, for the upstream's platforms unless some are given."""
    for name in names:
        made = {}
        for architecture in architectures or world.architectures:
            layer = images.tar(images.files([images.Entry("name", 0o644, f"{name} {architecture}".encode())]))
            made[architecture] = images.container(images.OCI, architecture, [layer], ["/x"])
        images.push(images.listed_image(name, images.OCI, made), f"http://{world.registry}", "from")


def spec_of(world, folder, rest, platforms=None):
    """A spec for the upstream's platforms."""
    platforms = platforms or [f"linux/{name}" for name in world.architectures]
    text = f"version: 1\nname: mini\nplatforms: [{', '.join(platforms)}]\n{rest}"
    return world.spec(folder, text.replace("REGISTRY", world.registry))


def carried(world, bundle):
    """{name: [platforms]} of the bundle's images."""
    said = json.loads(world.ok("inspect", bundle, "--json").out)
    return {image["reference"].removeprefix(f"{world.registry}/from/"): [each["platform"] for each in image["platforms"]]
            for image in said["lock"]["images"]}


@case
def images_of_files_are_carried_and_recorded(world):
    """YAML and lists name images: they are carried, the lock says which file names each, and what only may be one is reported."""
    pushed(world, "a:1", "b:1", "c:1", "d:1")
    folder = world.folder("from-files")
    (folder / "pod.yaml").write_text(YAML.format(registry=world.registry))
    (world.upstream_folder / "www/from").mkdir(exist_ok=True)
    (world.upstream_folder / "www/from/list.txt").write_bytes(
        b"\xef\xbb\xbf# a list\r\n" + f"{world.registry}/from/b:1\r\n\r\n- {world.registry}/from/c:1 # why: so\r\n".encode())
    spec = spec_of(world, folder, f"""files:
  pod: {{ path: pod.yaml }}
  list: {{ url: {world.said['web']}/from/list.txt }}
  more:
    text: |
      REGISTRY/from/d:1
imagesFrom: [pod, list, more]
""")
    made, options = folder / "mini.sealift", [*world.network]
    said = world.ok("lock", spec, *options)
    require(f"pod.yaml:7:34: '{world.registry}/from/possible:1' may be an image" in said.err, f"a possible image: {said}")
    lock = json.loads((folder / "kubernetes-rawdocker.lock.json").read_text())
    equal({image["reference"].rsplit("/", 1)[1]: image["from"] for image in lock["images"]},
          {"a:1": ["pod"], "b:1": ["pod", "list"], "c:1": ["list"], "d:1": ["more"]}, "what the lock records")
    world.ok("collect", spec, "-o", made, *options)
    equal(sorted(carried(world, made)), ["a:1", "b:1", "c:1", "d:1"], "the bundle's images")
    first = made.read_bytes()
    again = world.ok("collect", spec, "-o", made, "--json", *options)
    equal((json.loads(again.out)["unchanged"], json.loads(again.out)["fetched"]), (True, 0), "a second run")
    equal(made.read_bytes(), first, "the bundle")
    dry = world.ok("collect", spec, "-o", folder / "dry.sealift", "--dry-run", "--json", *options).out
    require(all(f"/from/{name}:1" in dry for name in "abcd"), f"--dry-run leaves images out: {dry}")


@case
def images_of_files_hold_to_the_lock(world):
    """Under a lock, a file that is another, or from which another set of images is taken, is refused by its name."""
    pushed(world, "a:1", "b:1")
    folder = world.folder("from-lock")
    (folder / "pod.yaml").write_text(YAML.format(registry=world.registry))
    rest = "files: { pod: { path: pod.yaml } }\nimagesFrom: pod\n"
    made, options = folder / "mini.sealift", [*world.network]
    world.ok("lock", spec_of(world, folder, rest), *options)
    spec = spec_of(world, folder, rest + "notImages: ['*/from/b:1']\n")
    world.refused(65, [r"images of pod", r"the lock has .*/from/b:1 from it", r"rawdocker\.yaml:5:13"],
                  "collect", spec, "-o", made, *options)
    said = world.ok("lock", spec, *options)
    require("- " in said.out and "from/b:1" in said.out, f"the lock drops it: {said}")
    spec = spec_of(world, folder, rest)
    world.refused(65, [r"pod\.yaml:9:12 names .*/from/b:1, which the lock does not have", r"sealift lock"],
                  "collect", spec, "-o", made, *options)
    (folder / "pod.yaml").write_text(YAML.format(registry=world.registry).replace("b:1", "a:1"))
    world.refused(65, [r"pod\.yaml is sha256", r"--update pod"], "collect", spec, "-o", made, *options)
    world.ok("lock", spec, "--update", "pod", *options)
    world.ok("collect", spec, "-o", made, *options)
    equal(sorted(carried(world, made)), ["a:1"], "the bundle's images")


@case
def images_of_members_and_of_platforms_are_taken(world):
    """Members of a tar name images; a file of each platform names images for that platform; a build lists and saves them."""
    pushed(world, "a:1", "b:1")
    pushed(world, "own:1", architectures=world.architectures[:1])
    folder = world.folder("from-members")
    yaml = YAML.format(registry=world.registry).encode()
    (folder / "deploy.tgz").write_bytes(tar_of([
        ("./top/deploy/pod.yaml", tarfile.REGTYPE, yaml, 0o644), ("top/deploy/t.yaml", tarfile.REGTYPE, b"a: {{ b }\n", 0o644),
        ("top/deploy/README", tarfile.REGTYPE, b"image: nowhere/x:1\n", 0o644), ("top/other.yaml", tarfile.REGTYPE, b"image: nowhere/y:1\n", 0o644)]))
    for architecture in world.architectures:
        own = f"{world.registry}/from/own:1\n{world.registry}/mini/from:1\n" if architecture == world.architectures[0] else ""
        (folder / f"list-{architecture}").write_text(f"{world.registry}/from/a:1\n{own}")
    text = mini_base(world, "from", GOOD).replace(STEPS, STEPS.replace("[tigera/*]", "[tigera/*, from/*]")
                                                  + f"      - {{ put: opt/own.tar, save: {world.registry}/from/own:1 }}\n")
    files = "files: { deploy: { path: deploy.tgz }, list: { path: 'list-{arch}' } }\n"
    taken = "imagesFrom: [{ file: deploy, members: top/deploy }, list]\n"
    made, options = folder / "mini.sealift", [*world.network]
    said = world.ok("collect", world.spec(folder, text.replace("images:\n", files + taken + "images:\n", 1)), "-o", made, *options)
    require("t.yaml is passed over" in said.err, f"the template: {said}")
    equal(sorted(name for name in carried(world, made) if ":" in name and "/" not in name), ["a:1", "b:1", "own:1"], "the images")
    store = world.folder("from-members-store")
    world.ok("apply", made, "--store", store, "--platform", world.own)
    target = Store(store).merged("mini/from-built:1", world.folder("from-members-merged"))
    require("sea.hub:5000/from/own:1\n" in (target / "manifests/imageList").read_text(), "the list has what the file names")
    if len(world.architectures) > 1:
        spec = spec_of(world, folder, files + taken)
        world.ok("collect", spec, "-o", made, *options)
        own = {"own:1": [world.own], f"{world.registry}/mini/from:1": [world.own]}
        equal(carried(world, made), {"a:1": platforms(world), "b:1": platforms(world)} | own, "platforms")


def platforms(world):
    return [f"linux/{name}" for name in world.architectures]


@case
def odd_files_of_images_are_refused(world):
    """What names no image, is no text, is misspelt or not there: refused by check, with file, line and column, all at once."""
    folder = world.folder("from-odd")
    (folder / "list").write_text("ok.example/a:1\nUPPER/x\nok.example/b:1:2\n")
    (folder / "packed").write_bytes(gzip.compress(b"image: a:1\n"))
    (folder / "empty").write_bytes(b"")
    (folder / "bad.yaml").write_text("a: 1\n  b: [\n")
    (folder / "possible.yaml").write_text("env:\n- { name: X, value: 'quay.io/a/b:1' }\n")
    names = "list, packed, empty, bad.yaml, possible.yaml, gone"
    files = "".join(f"  {name}: {{ path: ./{name} }}\n" for name in names.split(", "))
    spec = spec_of(world, folder, f"files:\n{files}imagesFrom: [{names}]\n")
    world.refused((65, 66, 78), [
        r"list:2:1: 'UPPER/x'", r"list:3:1", r"packed.*gzip archive, and no text.*members", r"empty: it names none", r"bad\.yaml:2:4",
        r"possible\.yaml: it names none for sure, and 1 that may be", r"gone", r"rawdocker\.yaml:11:45"],
        "check", spec, *world.network, cwd=folder)
    (folder / "x.tgz").write_bytes(tar_of([("a/list", tarfile.REGTYPE, b"a:1\n", 0o644)]))
    for members, words in [("[b/*]", r"b/\*.*no such file"), ("a", r"no such file|names none"), ("[a/list, c]", "no such file")]:
        spec = spec_of(world, folder, f"files: {{ x: {{ path: x.tgz }} }}\nimagesFrom: [{{ file: x, members: {members} }}]\n")
        world.refused((65, 66, 78), [words, r"rawdocker\.yaml:5:14"], "check", spec, *world.network, cwd=folder)


@case
def an_image_is_carried_for_its_platforms(world):
    """An image of one platform is carried for it, listed and served for it, and saved for no other."""
    if len(world.architectures) < 2:
        return
    first, second = world.architectures[:2]
    pushed(world, "a:1")
    pushed(world, "one:1", architectures=[first])
    folder = world.folder("from-platforms")
    made, options = folder / "mini.sealift", [*world.network]
    spec = spec_of(world, folder, "images: [REGISTRY/from/a:1, REGISTRY/from/one:1]\n")
    world.refused((66, 69), [r"one:1", rf"nothing for linux/{second}", r"rawdocker\.yaml:4:\d+", "platforms: "],
                  "collect", spec, "-o", made, *options)
    spec = spec_of(world, folder, f"images: [REGISTRY/from/a:1, {{ image: REGISTRY/from/one:1, platforms: linux/{first} }}]\n")
    world.ok("lock", spec, *options)
    world.ok("collect", spec, "-o", made, *options)
    equal(carried(world, made), {"a:1": platforms(world), "one:1": [f"linux/{first}"]}, "platforms")
    world.ok("collect", spec, "-o", made, "--platform", f"linux/{second}", *options)
    equal(carried(world, made), {"a:1": [f"linux/{second}"]}, "what one platform has")
    rest = (f"images: [REGISTRY/from/a:1, {{ image: REGISTRY/from/one:1, platforms: [linux/{first}] }}]\n"
            "builds:\n  - tag: saved:1\n    context:\n      - { put: a.tar, save: REGISTRY/from/one:1 }\n      - imageList: [from/*]\n"
            "    kubefile: |\n      FROM scratch\n      COPY a.tar .\n      COPY imageList manifests\n")
    spec = spec_of(world, folder, rest)
    world.refused(78, [rf"does not carry it for linux/{second}", r"rawdocker\.yaml:8:9"], "collect", spec, "-o", made, *options)
    rest = rest.replace("      - { put: a.tar, save: REGISTRY/from/one:1 }\n", "").replace("      COPY a.tar .\n", "")
    world.ok("collect", spec_of(world, folder, rest), "-o", made, *options)
    for architecture, wanted in [(first, ["a", "one"]), (second, ["a"])]:
        store = world.folder(f"from-platforms-{architecture}")
        world.ok("apply", made, "--store", store, "--platform", f"linux/{architecture}")
        target = Store(store).merged("saved:1", world.folder("from-platforms-merged"))
        tags = target / "registry/docker/registry/v2/repositories/from"
        equal(sorted(path.name for path in tags.iterdir()), wanted, f"the images of {architecture}")
