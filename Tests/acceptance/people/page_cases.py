# SPDX-License-Identifier: Apache-2.0
"""Pages for a browser that need no server: `inspect --html`, `diff --html`."""

import html.parser
import json
import re

import contents
from harness import case, equal, require


class Page(html.parser.HTMLParser):
    """The text, the open elements, what is loaded, and the rectangles of a page."""

    VOID = {"meta", "input", "br", "rect", "th", "td", "li"}

    def __init__(self, text):
        super().__init__()
        self.text, self.loaded, self.rectangles, self.open = "", [], [], []
        self.feed(text)
        equal(self.open, [], "elements that are not closed")

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loaded += [value for name, value in attributes if name in ("src", "href", "action")]
        if tag == "rect" and "part" not in values["class"]:
            self.rectangles.append((values["class"], float(values["width"]) * float(values["height"])))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            equal(self.open.pop(), tag, "the element that ends")

    def handle_data(self, data):
        self.text += data


@case
def a_bundle_is_a_page(world):
    """inspect --html loads nothing, has every artifact and layer, and its areas are the sizes, shared blobs once."""
    folder = world.folder("page")
    world.ok("inspect", world.bundle, "--html", folder / "bundle.html")
    written = (folder / "bundle.html").read_text()
    page = Page(written)
    equal(page.loaded, [], "what the page loads")
    require("url(" not in written and "@import" not in written, "the style loads nothing")
    sizes = json.loads(world.ok("inspect", world.bundle, "--json").out)["sizes"]
    for artifact in sizes["artifacts"]:
        require(artifact["name"] in page.text and artifact["digest"] in page.text, f"{artifact['name']} is not there")
        for instance in artifact["platforms"]:
            for layer in instance["layers"]:
                require(layer["digest"] in page.text, f"{layer['digest']} is not there")
    require("FROM kubernetes-rawdocker:v1.19.8-alpine" in page.text, "the builds are not there")
    drawn = {kind: sum(area for of, area in page.rectangles if of == kind) for kind, _ in page.rectangles}
    blobs = {layer["digest"]: layer for artifact in sizes["artifacts"] for instance in artifact["platforms"]
             for layer in [instance["config"], *instance["layers"]]}
    wanted = {"file": sum(one["size"] for one in sizes["artifacts"] if one["kind"] == "file"),
              "shared": sum(blob["size"] for blob in blobs.values() if blob["owners"] > 1)}
    for kind in ("base", "image"):
        own = {blob["digest"]: blob["size"] for one in sizes["artifacts"] if one["kind"] == kind for instance in one["platforms"]
               for blob in [instance["config"], *instance["layers"]] if blob["owners"] == 1}
        wanted[kind] = sum(own.values())
    for kind, size in wanted.items():
        share, area = size / sum(wanted.values()), drawn[kind] / sum(drawn.values())
        require(abs(share - area) < 0.005, f"{kind} has {area:.4f} of the picture and {share:.4f} of the bytes")
    world.refused(66, ["nodir"], "inspect", world.bundle, "--html", folder / "nodir/x.html")


@case
def a_difference_is_a_page(world):
    """diff --html names each change, and says that nothing changed where nothing has."""
    folder = world.folder("diff-page")
    (folder / "s.yaml").write_text(f"version: 1\nname: small\nplatforms: [{world.own}]\nimages: ['{contents.CALICO[0]}']\n")
    world.ok("collect", folder / "s.yaml", "-o", folder / "s.sealift", *world.network)
    world.ok("diff", folder / "s.sealift", world.bundle, "--html", folder / "d.html")
    page = Page((folder / "d.html").read_text())
    equal(page.loaded, [], "what the page loads")
    for change in json.loads(world.ok("diff", folder / "s.sealift", world.bundle, "--json").out)["changes"]:
        require(change["name"] in page.text, f"{change['name']} is not there")
    require(len(page.rectangles) > 3, "the new bytes are drawn")
    world.ok("diff", world.bundle, world.bundle, "--html", folder / "same.html")
    require("nothing changed" in (folder / "same.html").read_text(), "the page of no change")


@case
def names_from_outside_are_no_markup(world):
    """What a spec's author writes into steps and Kubefiles is text in the page, not markup."""
    folder = world.folder("hostile-page")
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    spec = world.spec(folder)
    spec.write_text(spec.read_text().replace("CMD kubectl", f"CMD echo '{hostile}' && kubectl"))
    world.ok("collect", spec, "-o", folder / "x.sealift", "--reuse", world.bundle, *world.network)
    world.ok("inspect", folder / "x.sealift", "--html", folder / "x.html")
    page = Page((folder / "x.html").read_text())
    equal(page.loaded, [], "what the page loads")
    require(hostile in page.text, "the text is shown as it is")
    equal(len(re.findall("<script", (folder / "x.html").read_text())), 1, "scripts")
