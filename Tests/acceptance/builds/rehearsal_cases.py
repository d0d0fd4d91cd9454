# SPDX-License-Identifier: Apache-2.0
"""What would fail on the isolated host fails on the connected one; what collect records apply meets."""

import json
import os
import re

from harness import case, equal, require
from refusal_base_cases import GOOD, STEPS, mini_base

KUBEFILE = "      FROM scratch\n      COPY . .\n      COPY imageList manifests\n"


def refused(world, name, codes, words, steps=STEPS, kubefile=KUBEFILE, files=GOOD, change=lambda text: text):
    """collect refuses a build of the steps and the Kubefile, and so does check, in the same words."""
    folder = world.folder(f"rehearsal-{name}")
    text = mini_base(world, f"rehearsal-{name}", files)
    head, _, tail = text.partition(STEPS)
    require(tail, "the small base has other steps")
    spec = world.spec(folder, change(f"{head}{steps}    kubefile: |\n{kubefile}"))
    world.refused(codes, words, "collect", spec, "-o", folder / "mini.sealift", *world.network)
    world.refused(codes, words, "check", spec, *world.network, cwd=folder)


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
def any_user_collects_the_same_bytes(world):
    """A collect without root, of another umask, gives the bundle that root's gives."""
    require(os.geteuid() == 0, "this case needs root")
    folder = world.folder("rehearsal-user")
    spec = world.spec(folder, mini_base(world, "rehearsal-user", GOOD))
    world.ok("collect", spec, "-o", folder / "root.sealift", *world.network)
    os.chmod(folder, 0o777)
    for parent in folder.parents[: len(folder.parents) - 2]:
        os.chmod(parent, os.stat(parent).st_mode | 0o011)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "umask 077; exec \"$@\"", "sh"]
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
