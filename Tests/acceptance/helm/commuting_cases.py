# SPDX-License-Identifier: Apache-2.0
"""Charts, rendered by Helm's own engine: rewriting values and rendering them, in either order, give the same."""

import random
import re

from engine import helm
from harness import call, case, equal, require

# How charts put an image together: values, and the template that reads them.
SHAPES = {
    "parts": ("<k>:\n  image:\n    registry: <domain>\n    repository: <path>\n    tag: <tag>\n",
              "{{ .Values.<k>.image.registry }}/{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
    "repository": ("<k>:\n  image: { repository: \"<domain>/<path>\", tag: '<tag>' }\n",
                   "{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
    "whole": ("<k>:\n  image: <domain>/<path>:<tag> # why\n", "{{ .Values.<k>.image }}"),
    "empty": ("<k>:\n  image:\n    registry:\n    repository: <path>\n    tag: <tag>\n",
              "{{ with .Values.<k>.image }}{{ if .registry }}{{ .registry }}/{{ end }}{{ .repository }}:{{ .tag }}{{ end }}"),
    "nvidia": ("<k>:\n  repository: <domain>/<first>\n  image: <last>\n  version: <tag>\n",
               "{{ with .Values.<k> }}{{ .repository }}/{{ .image }}:{{ .version }}{{ end }}"),
    "hub": ("<k>:\n  hub: <domain>/<first>\n  tag: <tag>\n  image: <last>\n",
            "{{ with .Values.<k> }}{{ .hub }}/{{ .image }}:{{ .tag }}{{ end }}"),
    "default": ("<k>:\n  image:\n    registry: ~\n    defaultRegistry: <domain>\n    repository: <path>\n    tag: <tag>\n",
                "{{ with .Values.<k>.image }}{{ default .defaultRegistry .registry }}/{{ .repository }}:{{ .tag }}{{ end }}"),
    "block": ("<k>:\n  image: >-\n    <domain>/<path>:<tag>\n", "{{ .Values.<k>.image }}"),
    "list": ("<k>:\n  images:\n  - <domain>/<path>:<tag>\n", "{{ index .Values.<k>.images 0 }}"),
}


def chart(folder, number):
    """A chart whose values name images in random shapes."""
    pick = random.Random(number)
    values, template = "", "apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec:\n  containers:\n"
    for index in range(8):
        shape = pick.choice(sorted(SHAPES))
        first, last = pick.choice(["calico", "org-x", "a"]), pick.choice(["node", "b_c", "d.e"])
        # A name without a domain is one of docker.io.
        parts = {"domain": pick.choice(["quay.io", "r.io:5000", "ghcr.io/mirror", "docker.io"]), "first": first, "last": last,
                 "path": f"{first}/{last}" if pick.random() < 0.8 else last, "tag": f"v{index}.{pick.randrange(9)}"}
        if shape in ("empty", "default", "list", "whole", "block"):
            parts["domain"] = pick.choice(["quay.io", "r.io:5000", "docker.io"])
        parts["k"] = f"k{index}"
        text, line = (re.sub("<([a-z]+)>", lambda found: parts[found[1]], part) for part in SHAPES[shape])
        values += text
        template += f"  - name: c{index}\n    image: \"{line}\"\n"
    folder.mkdir(parents=True)
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text(values)
    (folder / "templates/pod.yaml").write_text(template)


@case
def rewriting_values_and_rendering_them_commute(world):
    """For random values, the manifests of rewritten values are the rewritten manifests."""
    program = helm(world)

    def rendered(folder, path):
        path.write_text(call(program, "template", "x", folder))

    for number in range(12):
        folder = world.folder(f"commuting-{number}")
        chart(folder / "chart", number)
        rendered(folder / "chart", folder / "first.yaml")
        before = world.ok("images", folder / "first.yaml").out.splitlines()
        require(len(before) > 1, f"{before}")
        world.ok("images", "--rewrite", "sea.hub:5000", folder / "first.yaml")
        world.ok("images", "--rewrite", "sea.hub:5000", folder / "chart/values.yaml")
        rendered(folder / "chart", folder / "second.yaml")
        equal((folder / "second.yaml").read_text(), (folder / "first.yaml").read_text(), f"chart {number}")
        left = [name for name in world.ok("images", folder / "second.yaml").out.splitlines() if not name.startswith("sea.hub:5000/")]
        equal(left, [], f"images elsewhere in chart {number}")
