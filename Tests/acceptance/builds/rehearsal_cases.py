# SPDX-License-Identifier: Apache-2.0
"""What would fail on the isolated host fails on the connected one; what collect records apply meets."""

import json
import os
import re

from harness import case, equal, require
from refusal_base_cases import GOOD, STEPS, mini_base

KUBEFILE = "      FROM scratch\n      COPY . .\n      COPY imageList manifests\n"


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def open_to_all(folder):
    """Lets every user write to the folder."""
    os.chmod(folder, 0o777)
    for parent in folder.parents[: len(folder.parents) - 2]:
        os.chmod(parent, os.stat(parent).st_mode | 0o011)


def refused(world, name, codes, words, steps=STEPS, kubefile=KUBEFILE, files=GOOD, change=lambda text: text):
    """collect refuses a build of the steps and the Kubefile, and so does check, in the same words."""
    folder = world.folder(f"rehearsal-{name}")
    text = mini_base(world, f"rehearsal-{name}", files)
    head, _, tail = text.partition(STEPS)
    require(tail, "the small base has other steps")
    spec = world.spec(folder, change(f"{head}{steps}    kubefile: |\n{kubefile}"))
    world.refused(codes, words, "collect", spec, "-o", folder / "mini.sealift", *world.network)
    return world.refused(codes, words, "check", spec, *world.network, cwd=folder)


@case
def six_mistakes_are_reported_as_six(world):
    """A missing key, a missing file, an unknown instruction, a COPY of nothing, a path that a layer lacks and an image that is
    not carried: one report with the place of each."""
    steps = ("      - layer: rootfs\n        paths: [etc/nothing.yaml]\n"
             "      - edit: etc/daemon.json\n        remove: [mirror-registry]\n"
             "      - rewrite: etc/missing.yaml\n      - imageList: [tigera/*]\n")
    files = {**GOOD, "manifests/pod.yaml": b"image: no/such:v1\n"}
    kubefile = "      FROM scratch\n      ENV a=b\n      COPY . .\n      COPY nowhere .\n"
    refused(world, "six", 78, [
        "6 mistakes", "etc/nothing.yaml", "mirror-registry", "etc/missing.yaml", "ENV", "nowhere", "manifests/pod.yaml:1: no/such:v1",
        r"kubernetes-rawdocker.yaml:\d+:\d+: cannot"], steps, kubefile, files)


def web(world, name, data):
    """The URL of a file of the upstream's web server."""
    path = world.upstream_folder / "www" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return f"{world.said['web']}/{name}"


@case
def mistakes_of_all_kinds_are_reported_at_once(world):
    """Images and archives that are not there, files of another digest, wrong tarballs, keys, paths, instructions and pins: one
    run names each with its place."""
    registry = world.registry
    steps = ("      - put: cri/page.tar.gz\n        repack: page\n      - put: notes\n        file: notes\n"
             "      - put: gone.yaml\n        file: gone\n      - edit: gone.yaml\n        set: { a: b }\n" + STEPS
             + "      - edit: etc/daemon.json\n        remove: [no-such-key]\n"
             f"      - put: images/absent.tar\n        save: {registry}/docker.io/absent/image:1\n")
    kubefile = KUBEFILE + "      ENV a=b\n      COPY nowhere .\n      RUN echo $unset\n"
    files = {**GOOD, "manifests/pod.yaml": b"image: no/such:v1\n"}

    def change(text):
        return (text.replace("images:\n", f"images:\n  - {registry}/docker.io/absent/image:1\n"
                             "  - image: own/app:1\n    from: docker-archive:none.tar\n", 1)
                .replace("builds:\n", f"files:\n  page:\n    url: {web(world, 'all/page.tgz', b'<html>login</html>')}\n"
                         f"  notes:\n    url: {web(world, 'all/notes', b'notes')}\n    sha256: sha256:{'0' * 64}\n"
                         f"  gone:\n    url: {world.said['web']}/all/gone\nbuilds:\n", 1))

    outcome = refused(world, "all", 78, [
        "10 mistakes", r":\d+:\d+: cannot .*absent/image:1", r"none\.tar", "page .*HTML", "notes.*0{64}", "all/gone",
        "no-such-key", "ENV", "nowhere", r"\$unset", "manifests/pod.yaml:1: no/such:v1", r"line 6: RUN|RUN uses"],
                      steps, kubefile, files, change)
    for line in outcome.err.splitlines():
        require(not line.startswith("  ") or "→" in line or re.match(r"\s+(\S+\.yaml:\d+:\d+: |manifests/)", line), f"no place: {line}")


@case
def each_mistake_of_a_build_is_refused_by_collect(world):
    """Steps, edits, paths and Kubefiles that apply would refuse: collect and check refuse them."""
    put = "      - put: {}\n        file: one\n"
    steps = {
        "below-file": (put.format("etc/daemon.json/x") + STEPS, "file or a link"),
        "over-folder": (put.format("etc") + STEPS, "a folder is there"),
        "kubefile": (put.format("Kubefile") + STEPS, "Kubefile"),
        "ambiguous": (STEPS + "      - edit: etc/two.yaml\n        set: { spec.a: b }\n", "two.yaml"),
        "not-yaml": (STEPS + "      - edit: etc/broken.yaml\n        set: { a: b }\n", "broken.yaml"),
        "too-long": (put.format("n" * 256) + STEPS, "255"),
    }
    files = {**GOOD, "etc/two.yaml": b"spec: {a: 1}\n---\nspec: {a: 2}\n", "etc/broken.yaml": b"a: [\n"}

    def with_file(text):
        return text.replace("images:\n", "files:\n  one:\n    url: https://download.docker.com/linux/static/stable/{machine}/docker-19.03.15.tgz\nimages:\n", 1)

    for name, (text, word) in steps.items():
        refused(world, name, (65, 66, 78), [word], text, files=files,
                change=with_file if "file: one" in text else lambda text: text)
    lines = {
        "outside": ("COPY etc ../../out", "leads out"), "second-from": ("FROM scratch", "second FROM"),
        "no-arguments": ("COPY etc", "destination"), "list-cmd": ("CMD [\"a\", \"b\"]", "list form"),
        "flag": ("COPY --chown=1 etc .", "--chown"), "url": ("COPY https://x.example/a .", "network"),
        "label": ("LABEL a=b", "LABEL"), "glob": ("COPY none*.yaml .", "matches"),
    }
    for name, (line, word) in lines.items():
        refused(world, name, (66, 78), [word], kubefile=f"{KUBEFILE}      {line}\n")


@case
def a_build_under_the_bases_name_is_refused(world):
    """A build whose tag is the base's own name would replace it in the store."""
    refused(world, "own-name", 78, ["name of the base"],
            change=lambda text: re.sub(r"(?m)^  - tag: .*$", "  - tag: " + re.search(r"image: (\S+)", text)[1], text, count=1))


@case
def files_that_no_step_touches_are_no_reason_to_refuse(world):
    """A base with a template named *.yaml, a binary of that name and a chart in another folder is collected."""
    files = {**GOOD, "etc/template.yaml": b"{{ if .Values.x }}\na: [\n{{ end }}\n", "etc/binary.yaml": bytes(range(256)),
             "deploy/app/templates/pod.yaml": b"image: {{ .Values.image }}\n", "deploy/app/values.yaml": b"image: quay.io/tigera/operator:v1.17.4\n"}
    folder = world.folder("rehearsal-valid")
    spec = world.spec(folder, mini_base(world, "rehearsal-valid", files))
    world.ok("check", spec, *world.network, cwd=folder)
    world.ok("collect", spec, "-o", folder / "mini.sealift", *world.network)


@case
def the_outcome_is_recorded_and_met(world):
    """collect records the ids of all images; inspect shows them, apply gives them, and an altered record is refused by name."""
    folder = world.folder("rehearsal-outcome")
    spec = world.spec(folder, mini_base(world, "rehearsal-outcome", GOOD))
    made = folder / "mini.sealift"
    world.ok("collect", spec, "-o", made, *world.network)
    outcome = json.loads(world.ok("inspect", made, "--json").out)["outcome"]
    equal(len(outcome["images"]), 2, "the base and the build")
    built = outcome["images"][1]
    require(built["id"] in world.ok("inspect", made).out, "inspect does not show the id")
    if os.geteuid() == 0:
        receipt = json.loads(world.ok("apply", made, "--store", world.folder("rehearsal-store"), "--platform", world.own, "--json").out)
        equal([image["id"] for image in receipt["images"]], [image["id"] for image in outcome["images"]], "ids")
        equal([layer["id"] for layer in receipt["images"][1]["layers"]], built["layers"], "layers of the build")
    again = folder / "again.sealift"
    world.ok("collect", spec, "-o", again, *world.network)
    equal(again.read_bytes(), made.read_bytes(), "two collects")
    require("up to date" in world.ok("collect", spec, "-o", made, *world.network).err, "the bundle was made again")
    world.ok("verify", made)


@case
def a_run_is_named_as_not_covered(world):
    """A build with a RUN, and one built from it, are collected; the outcome says that it does not cover them."""
    folder = world.folder("rehearsal-run")
    text = mini_base(world, "rehearsal-run", GOOD).rstrip() + "\n      RUN touch x\n"
    spec = world.spec(folder, text)
    world.ok("collect", spec, "-o", folder / "mini.sealift", *world.network)
    images = json.loads(world.ok("inspect", folder / "mini.sealift", "--json").out)["outcome"]["images"]
    require("id" in images[0], "the base is not covered")
    equal(images[1]["uncovered"], "run", "the build with a RUN")
    require("not covered" in world.ok("inspect", folder / "mini.sealift").out, "inspect does not say so")


@case
def a_run_is_rehearsed_when_asked(world):
    """With --rehearse-run the outcome covers a RUN and what is built from it, and apply meets it; without, the bundle is made
    again without these ids. A RUN that fails is refused, and one that depends on the moment is named by apply."""
    require(os.geteuid() == 0, "this case needs root")
    folder = world.folder("rehearsal-ran")
    text = mini_base(world, "rehearsal-ran", GOOD).rstrip() + (
        "\n      RUN rm etc/daemon.json && mkdir -p bin/x && cp etc/custom-resources.yaml bin/x/y && ln -s y bin/x/z\n"
        "      COPY etc etc2\n  - tag: mini/above:1\n    context: []\n    kubefile: |\n      FROM mini/rehearsal-ran-built:1\n"
        "      COPY Kubefile notes\n")
    spec, made = world.spec(folder, text), folder / "mini.sealift"

    def outcome():
        return json.loads(world.ok("inspect", made, "--json").out)["outcome"]["images"]

    world.ok("collect", spec, "-o", made, *world.network, "--rehearse-run")
    covered = outcome()
    require(all("id" in image for image in covered), f"not covered: {covered}")
    equal(sorted(path.name for path in folder.iterdir() if path.name.startswith("mini")),
          ["mini.sealift", "mini.sealift.provenance.json"], "files that are left")
    require("up to date" in world.ok("collect", spec, "-o", made, *world.network, "--rehearse-run").err, "the bundle was made again")
    again = folder / "again.sealift"
    world.ok("collect", spec, "-o", again, *world.network, "--rehearse-run")
    equal(again.read_bytes(), made.read_bytes(), "two collects")
    receipt = json.loads(world.ok("apply", made, "--store", world.folder("rehearsal-ran-store"), "--platform", world.own,
                                  "--allow-run", "--json").out)
    equal([image["id"] for image in receipt["images"]], [image["id"] for image in covered], "ids")
    open_to_all(folder)
    world.refused(77, ["needs root"], "collect", spec, "-o", folder / "other", *world.network, "--rehearse-run", prefix=NOBODY)
    world.ok("collect", spec, "-o", made, *world.network)
    equal([image.get("uncovered") for image in outcome()], [None, "run", "run"], "what is not covered")
    spec = world.spec(folder, text.replace("RUN rm etc/daemon.json", "RUN false"))
    world.refused(78, ["cannot run false", r"yaml:\d+:1", "status 1"], "collect", spec, "-o", made, *world.network, "--rehearse-run")
    spec = world.spec(folder, text.replace("RUN rm etc/daemon.json", "RUN date +%N > moment; rm etc/daemon.json"))
    world.ok("collect", spec, "-o", made, *world.network, "--rehearse-run")
    world.refused(65, ["layer 3 of 5, RUN", "without --rehearse-run"], "apply", made, "--store", world.folder("rehearsal-ran-store"),
                  "--platform", world.own, "--allow-run")


@case
def any_user_collects_the_same_bytes(world):
    """A collect without root, of another umask, gives the bundle that root's gives."""
    require(os.geteuid() == 0, "this case needs root")
    folder = world.folder("rehearsal-user")
    spec = world.spec(folder, mini_base(world, "rehearsal-user", GOOD))
    world.ok("collect", spec, "-o", folder / "root.sealift", *world.network)
    open_to_all(folder)
    user = [*NOBODY, "sh", "-c", "umask 077; exec \"$@\"", "sh"]
    world.ok("collect", spec, "-o", folder / "user.sealift", *world.network, prefix=user)
    equal((folder / "user.sealift").read_bytes(), (folder / "root.sealift").read_bytes(), "the bundles of two users")


@case
def each_platform_meets_its_outcome(world):
    """One host records the outcomes of all platforms; an apply for each gives these ids."""
    require(os.geteuid() == 0, "this case needs root")
    images = json.loads(world.ok("inspect", world.bundle, "--json").out)["outcome"]["images"]
    for platform in sorted({image["platform"] for image in images}):
        store = world.folder(f"rehearsal-store-{platform.replace('/', '-')}")
        receipt = json.loads(world.ok("apply", world.bundle, "--store", store, "--platform", platform, "--json").out)
        equal([image["id"] for image in receipt["images"]],
              [image.get("id") for image in images if image["platform"] == platform], f"ids for {platform}")
