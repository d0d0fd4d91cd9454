#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows what a sealer store holds, from its files alone: each image, its layers, its merged tree.

usage: show.py STORE [NAME]...    every image whose name ends in NAME; all without one
"""

import json
import sys
from pathlib import Path

STORAGE = "registry/docker/registry/v2"


def layers_of(store, image_id):
    """[(layer id, type, value)] from the image's YAML, whose lines are always in this order."""
    found = []
    for line in (store / "metadata/imagedb" / f"{image_id}.yaml").read_text().splitlines():
        key, _, value = line.strip().partition(": ")
        if line.startswith("  - id: sha256:"):
            found.append([value])
        elif found and key in ("type", "value") and len(found[-1]) < 3:
            found[-1].append(value)
    return found


def merged(store, layers):
    """{path: size} of all files, later layers over earlier ones."""
    files = {}
    for layer, *_ in layers:
        top = store / "data/overlay2" / layer.removeprefix("sha256:")
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink():
                files[str(path.relative_to(top))] = path.stat().st_size
    return files


def images_in(files):
    """{repository:tag} of the registry storage among the files."""
    found = set()
    for path in files:
        parts = path.removeprefix(f"{STORAGE}/repositories/").split("/_manifests/tags/")
        if path.startswith(STORAGE) and len(parts) == 2 and parts[1].endswith("/current/link"):
            found.add(f"{parts[0]}:{parts[1].split('/')[0]}")
    return found


def tree(files):
    """The lines of a tree; the registry's storage is shown as the images that it holds."""
    plain = {path: size for path, size in files.items() if not path.startswith("registry/")}
    lines, shown = [], []
    for path in sorted(plain, key=lambda path: path.split("/")):
        *folders, name = path.split("/")
        for depth, folder in enumerate(folders):
            if shown[: depth + 1] != folders[: depth + 1]:
                lines.append("  " * depth + folder + "/")
                shown = folders[: depth + 1]
        lines.append("  " * len(folders) + f"{name}  {plain[path]:,}")
        shown = folders
    stored = images_in(files)
    if stored:
        size = sum(size for path, size in files.items() if path.startswith(STORAGE))
        lines.append(f"registry/  {size:,} in all, the storage of a registry that serves")
        lines += [f"  {name}" for name in sorted(stored)]
    return lines


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    store = Path(sys.argv[1])
    wanted = tuple(sys.argv[2:])
    listed = json.loads((store / "metadata/images_metadata.json").read_text())
    for name in sorted(listed, key=lambda name: (len(name), name), reverse=True):
        if wanted and not name.endswith(wanted):
            continue
        for made in listed[name]["manifests"]:
            platform = made["platform"]
            layers = layers_of(store, made["id"])
            print(f"\n{name}  {platform['os']}/{platform['architecture']}\n  id {made['id']}")
            for layer in layers:
                print(f"  {layer[0][:19]}…  {' '.join(layer[1:])}")
            print("".join(f"    {line}\n" for line in tree(merged(store, layers))), end="")


if __name__ == "__main__":
    main()
