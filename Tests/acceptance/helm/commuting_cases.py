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
    "digest": ("<k>:\n  image: {registry: <domain>, repository: <path>, tag: <tag>, digest: '<digest>'}\n",
               "{{ with .Values.<k>.image }}{{ .registry }}/{{ .repository }}@{{ .digest }}{{ end }}"),
    "name": ("<k>:\n  image: {name: <domain>/<path>, tag: <tag>}\n",
             "{{ with .Values.<k>.image }}{{ .name }}:{{ .tag }}{{ end }}"),
    "nested": ("<k>:\n  image:\n    engine:\n      registry: ''\n      repository: <path>\n      tag: <tag>\n",
               "{{ with .Values.<k>.image.engine }}{{ if .registry }}{{ .registry }}/{{ end }}{{ .repository }}:{{ .tag }}{{ end }}"),
    "merged": ("<k>base: &<k>base\n  registry: <domain>\n  tag: other\n<k>:\n  image:\n    <<: *<k>base\n    repository: <path>\n    tag: <tag>\n",
               "{{ with .Values.<k>.image }}{{ .registry }}/{{ .repository }}:{{ .tag }}{{ end }}"),
    "alias": ("<k>registry: &<k>r <domain>\n<k>:\n  one: {image: {registry: *<k>r, repository: <path>, tag: <tag>}}\n"
              "  two: {image: {registry: *<k>r, repository: <path>, tag: <tag>}}\n",
              "{{ with .Values.<k>.two.image }}{{ .registry }}/{{ .repository }}:{{ .tag }}{{ end }}"),
    "slash": ("<k>:\n  image: {registry: <domain>/, repository: <path>, tag: <tag>}\n",
              "{{ with .Values.<k>.image }}{{ .registry }}{{ .repository }}:{{ .tag }}{{ end }}"),
    "json": ('<k>: {"image": {"registry": "<domain>", "repository": "<path>", "tag": "<tag>"}}\n',
             "{{ with .Values.<k>.image }}{{ .registry }}/{{ .repository }}:{{ .tag }}{{ end }}"),
    "siblings": ("<k>:\n  webImage: <domain>/<path>\n  webImageTag: <tag>\n",
                 "{{ .Values.<k>.webImage }}:{{ .Values.<k>.webImageTag }}"),
    "anywhere": ("<k>:\n  registry: <domain>\n  repository: <path>\n  tag: <tag>\n",
                 "{{ with .Values.<k> }}{{ .registry }}/{{ .repository }}:{{ .tag }}{{ end }}"),
    "number": ("<k>:\n  image: {repository: <domain>/<path>, tag: 1.20}\n",
               "{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
}
# The same where a registry of `global` is put before them: charts differ in which of two they take.
PARTS = "<k>:\n  image: {registry: <domain>, repository: <first>/<last>, tag: <tag>}\n"
GLOBAL = {
    "global first": (PARTS, "{{ $.Values.global.imageRegistry | default .Values.<k>.image.registry }}/"
                            "{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
    "own first": (PARTS, "{{ .Values.<k>.image.registry | default $.Values.global.imageRegistry }}/"
                         "{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
    "global only": ("<k>:\n  image: {repository: <first>/<last>, tag: <tag>}\n",
                    "{{ $.Values.global.imageRegistry }}/{{ .Values.<k>.image.repository }}:{{ .Values.<k>.image.tag }}"),
    "neither": SHAPES["repository"],
}


def chart(folder, number):
    """A chart whose values name images in random shapes."""
    pick = random.Random(number)
    shapes = SHAPES if number % 3 else GLOBAL
    values = "" if shapes is SHAPES else f"global: {{ imageRegistry: {pick.choice(['m.io:5000/hub', 'quay.io', 'docker.io'])} }}\n"
    template = "apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec:\n  containers:\n"
    for index in range(24):
        shape = pick.choice(sorted(shapes))
        first, last = pick.choice(["calico", "org-x", "a"]), pick.choice(["node", "b_c", "d.e"])
        # A name without a domain is one of docker.io.
        parts = {"domain": pick.choice(["quay.io", "r.io:5000", "ghcr.io/mirror", "docker.io"]), "first": first, "last": last,
                 "path": f"{first}/{last}" if pick.random() < 0.8 else last, "tag": f"v{index}.{pick.randrange(9)}",
                 "digest": f"sha256:{pick.randrange(16 ** 64):064x}"}
        if shape in ("empty", "default", "list", "whole", "block"):
            parts["domain"] = pick.choice(["quay.io", "r.io:5000", "docker.io"])
        parts["k"] = f"k{index}"
        text, line = (re.sub("<([a-z]+)>", lambda found: parts[found[1]], part) for part in shapes[shape])
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

    for number in range(8):
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
