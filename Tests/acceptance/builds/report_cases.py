# SPDX-License-Identifier: Apache-2.0
"""Mistakes of a spec's text and of its builds are one report, and what follows from a mistake is not one more."""

import re

import base
import images
from harness import case, require
from refusal_base_cases import GOOD, STEPS, mini_base
from rehearsal_cases import KUBEFILE, refused, web


def mistakes(outcome):
    """How many mistakes a refusal reports."""
    found = re.search(r"(\d+) mistakes?:", outcome.err)
    return int(found[1]) if found else 1


@case
def mistakes_of_the_text_and_of_the_builds_are_one_report(world):
    """Six that the text shows and six that only the builds show: twelve, each with its place."""
    steps = ("      - layer: rotfs\n        paths: [etc/nothing.yaml]\n" + STEPS.replace("[tigera/*]", "[tigera/*, caliko/*]")
             + "      - put: notes.txt\n        file: nots\n      - edit: etc/daemon.json\n        remove: [no-such-key]\n"
             "      - put: cri/page.tar.gz\n        repack: page\n      - rewrite: ../up.yaml\n      - layer: rootfs\n        paths: [etc/absent.json]\n")
    kubefile = KUBEFILE + "      ENV a=b\n      COPY etc\n      RUN echo $unset\n"

    def change(text):
        return (text.replace("registry: sea", "regstry: sea").replace("images:\n", "images:\n  - Upper/Case:1\n", 1)
                .replace("builds:\n", f"files:\n  page:\n    url: {web(world, 'text/page.tgz', b'<html>login</html>')}\nbuilds:\n", 1))

    outcome = refused(world, "text", 78, [
        "regstry", "Upper/Case", "rotfs", r"caliko/\*", "nots", r"up\.yaml", "no-such-key", "page .*HTML", "absent.json", "ENV",
        "COPY etc: it has no destination", r"\$unset"], steps, kubefile, change=change)
    require(mistakes(outcome) == 12, f"twelve mistakes: {outcome}")
    known = "known before anything is fetched: "
    require(re.search(f"{known}.*regstry", outcome.err) and re.search(f"{known}.*unset", outcome.err), f"first what the text shows: {outcome}")
    require(outcome.err.count(known) < 12, f"what only the base shows comes later: {outcome}")


@case
def a_mistake_of_the_text_is_the_only_one(world):
    """A faulty base, role, file, image, tag, pattern or FROM: steps, COPY and YAML that need it are not reported besides."""
    def with_file(text):
        return text.replace("images:\n", "files:\n  one:\n    text: hello\nimages:\n", 1)

    put = "      - put: notes/one.txt\n        file: one\n"
    copies = KUBEFILE + "      COPY notes/one.txt .\n      COPY etc/daemon.json conf\n"
    changes = {
        "base": ("/mini/", "/MINI/"), "role": ("rootfs: { holds: cri/docker.tar.gz }", "rootfs: { holds: /cri/docker.tar.gz }"),
        "file": ("text: hello", "txt: hello"), "step": ("file: one", "fil: one"), "name": ("file: one", "file: on"),
        "image": ("- quay.io/tigera/operator:v1.17.4", "- quay.io/Tigera/operator:v1.17.4"), "pattern": ("[tigera/*]", "[tigra/*]"),
        "tag": ("- tag: mini", "- tag: MINI"), "from": ("FROM scratch", "FROM scrtch"), "layer": ("layer: rootfs", "layer: rotfs"),
        "place": ("put: notes/one.txt", "put: /notes/one.txt"), "section": ("images:", "imges:"), "verb": ("rewrite: etc", "rewite: etc"),
    }
    for name, (piece, instead) in changes.items():
        outcome = refused(world, f"only-{name}", 78, [r"yaml:\d+:\d+"], put + STEPS, copies,
                          change=lambda text: with_file(text).replace(piece, instead, 1))
        require(mistakes(outcome) == 1, f"{name}: one mistake: {outcome}")


@case
def without_the_base_the_builds_are_proved_as_far_as_they_do_without(world):
    """The base's tag is not there: what the files, the Kubefile and the names show is still reported, what the base's layers
    would show is not, and the run says so."""
    steps = STEPS + "      - put: cri/page.tar.gz\n        repack: page\n      - put: Kubefile\n        file: page\n"
    kubefile = KUBEFILE + "      ENV a=b\n      COPY cri/docker.tar.gz .\n"

    def change(text):
        return text.replace("/rehearsal-no-base:1", "/rehearsal-no-base:2").replace(
            "builds:\n", f"files:\n  page:\n    url: {web(world, 'text/page.tgz', b'<html>login</html>')}\nbuilds:\n", 1)

    outcome = refused(world, "no-base", 78, ["rehearsal-no-base:2", "page .*HTML", "ENV", "Kubefile takes that place",
                                             "base is not at hand: what its layers hold is not proved"], steps, kubefile, change=change)
    require(mistakes(outcome) == 4, f"four mistakes: {outcome}")


@case
def what_one_platform_lacks_names_the_platform(world):
    """A COPY source, a path and a file to edit that only the layers for arm64 lack: each is one mistake of that platform."""
    instances = {}
    for name in ("amd64", "arm64"):
        files = {**GOOD, f"only/{name}": b"x"} | ({"etc/extra.yaml": b"a: b\n"} if name == "amd64" else {})
        made, blobs, _ = base.instance(name, [("COPY", ". .", images.files([images.Entry(path, 0o644, data) for path, data in files.items()]))])
        instances[name] = (made, blobs)
    images.push(images.listed_image("one-lacks:1", images.DOCKER, instances), f"http://{world.registry}", "mini")

    def change(text):
        return (re.sub(r"image: \S+/mini/\S+", f"image: {world.registry}/mini/one-lacks:1", text, count=1)
                .replace(f"platforms: [{world.own}]", "platforms: [linux/amd64, linux/arm64]"))

    steps = STEPS + "      - edit: etc/extra.yaml\n        set: { a: c }\n      - layer: rootfs\n        paths: [only/amd64]\n"
    outcome = refused(world, "one-lacks", (66, 78), [
        r"extra\.yaml.*\(for linux/arm64\)", r"only/amd64.*\(for linux/arm64\)", r"COPY.*|copy .*\(for linux/arm64\)"],
                      steps, KUBEFILE + "      COPY only/arm64 .\n      COPY only/nothing .\n", change=change)
    require(re.search(r"only/arm64.*\(for linux/amd64\)", outcome.err), f"the platform of COPY: {outcome}")
    require(re.search(r"only/nothing(?!.*for linux)", outcome.err), f"what both lack is of no platform: {outcome}")
    require(mistakes(outcome) == 4, f"four mistakes: {outcome}")
