# SPDX-License-Identifier: Apache-2.0
"""images --rewrite: YAML rewritten to the cluster's registry in place, compared with PyYAML, diff and patch."""

import os
import subprocess

import yaml

import contents
from harness import call, case, equal, medium, require, snapshot

NODE, OPERATOR = contents.CALICO[0], contents.OPERATOR
PLAIN = f"# a comment\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: '{NODE}'   # why\r\n"
HIDDEN = f"""\
kind: List
items:
- kind: Deployment
  spec: {{env: [{{name: IMAGE, value: {NODE}}}], args: ["--image=quay.io/{OPERATOR}"]}}
- kind: ConfigMap
  data:
    pod.yaml: |
      image: {NODE}
"""
HELM = f"operator:\n  image: {{registry: quay.io, repository: {OPERATOR.split(':')[0]}, tag: {OPERATOR.split(':')[1]}}}\n"


def tree(world, name):
    """A folder of files as people have them, with modes and a link of their own."""
    folder = world.folder(name)
    (folder / "charts").mkdir()
    (folder / "pod.yaml").write_bytes(PLAIN.encode())
    (folder / "hidden.yml").write_text(HIDDEN)
    (folder / "charts/values.yaml").write_text(HELM)
    (folder / "imageList").write_text(f"# images\n{NODE}\n")
    (folder / "notes.txt").write_text(f"{NODE}\n")
    os.chmod(folder / "pod.yaml", 0o640)
    (folder / "link.yaml").symlink_to("charts/values.yaml")
    return folder


@case
def rewrite_leads_every_image_and_changes_nothing_else(world):
    """Folders, imageLists, CRLF, Helm's parts and known images in env, arguments and text; mode and links stay."""
    folder = tree(world, "rewritten")
    files = ["pod.yaml", "hidden.yml", "charts/values.yaml", "imageList"]
    before = {name: (folder / name).read_bytes().decode() for name in files}
    outcome = world.ok("images", "--rewrite", "sea.hub:5000", "--bundle", world.bundle, folder)
    equal(len(outcome.out.splitlines()), 6, "changes told")
    for name in files:
        wanted = before[name].replace(NODE, f"sea.hub:5000/{NODE}").replace("quay.io", "sea.hub:5000")
        equal((folder / name).read_bytes().decode(), wanted, name)
        if name.endswith("l"):
            list(yaml.safe_load_all(wanted))
    equal(oct((folder / "pod.yaml").stat().st_mode & 0o777), "0o640", "the mode")
    require((folder / "link.yaml").is_symlink(), "the link became a file")
    equal((folder / "notes.txt").read_text(), f"{NODE}\n", "what is no YAML")
    after = snapshot(folder)
    equal(world.ok("images", "--rewrite", "sea.hub:5000", "--bundle", world.bundle, folder).out, "", "a second run")
    equal(snapshot(folder), after, "the files after a second run")


@case
def rewrite_dry_run_prints_what_patch_applies(world):
    """--dry-run changes nothing; `patch` makes of its diff what the rewrite makes."""
    one, two = tree(world, "diffed"), tree(world, "patched")
    before = snapshot(one)
    spec = world.spec(world.folder("diff-spec"))
    arguments = ["images", "--rewrite", "sea.hub:5000", "--spec", spec, "."]
    # As bytes: some of the line ends are CR LF.
    diff = subprocess.run([world.sealift, *arguments, "--dry-run"], cwd=one, stdout=subprocess.PIPE, check=True).stdout
    equal(snapshot(one), before, "the folder after --dry-run")
    subprocess.run(["patch", "--binary", "-s", "-p0", "-d", two], input=diff, check=True)
    world.ok(*arguments, cwd=one)
    call("diff", "-r", one, two)


@case
def rewrite_passes_over_templates_and_says_so(world):
    """A chart inside a folder does not keep the other files from being rewritten; its values are."""
    folder = world.folder("charted")
    (folder / "chart/templates").mkdir(parents=True)
    (folder / "chart/Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (folder / "chart/values.yaml").write_text("image:\n  registry:\n  repository: a/b\n  tag: v1\n")
    template = folder / "chart/templates/pod.yaml"
    template.write_text("{{ if .Values.x }}\nspec: {containers: [{image: {{ .Values.image }}}]}\n{{ end }}\n")
    (folder / "pod.yaml").write_text("spec: {containers: [{image: a/b}]}\n")
    before = template.read_text()
    told = world.ok("images", "--rewrite", "sea.hub:5000", folder)
    require("pod.yaml: passed over, as it is a template" in told.err, f"nothing said: {told}")
    equal(template.read_text(), before, "the template")
    equal((folder / "pod.yaml").read_text(), "spec: {containers: [{image: sea.hub:5000/a/b}]}\n", "the file beside it")
    equal((folder / "chart/values.yaml").read_text(),
          "image:\n  registry: sea.hub:5000\n  repository: a/b\n  tag: v1\n", "the values")
    require("passed over" in world.ok("images", folder).err, "nothing said when listing")


@case
def rewrite_takes_a_folder_on_a_full_or_read_only_medium_whole_or_not_at_all(world):
    """One file that does not parse, one image that cannot be changed alone, or one folder that takes no file:
    none of the others changes."""
    folder = tree(world, "refused")
    bad = folder / "zz.yaml"
    for code, word, text in (
            (65, "zz.yaml:2", "image: [\n"),
            (78, "would change with it", f"image: &i {NODE}\nlabel: *i\n"),
            (78, "would both be", f"image: quay.io/{NODE}\n")):
        bad.write_text(text)
        world.refused(code, [word], "images", "--rewrite", "sea.hub:5000", folder, unchanged=[folder])
    bad.unlink()
    inner = folder / "zz"
    inner.mkdir()
    with medium(inner, "size=64k"):
        (inner / "zz.yaml").write_text(f"image: {NODE}\n")
        call("mount", "-o", "remount,ro", inner)
        world.refused(77, ["read-only"], "images", "--rewrite", "sea.hub:5000", folder, unchanged=[folder])
        call("mount", "-o", "remount,rw,size=64k", inner)
        # A file that is a mount point can be written, but not exchanged: what was done before is taken back.
        call("mount", "--bind", inner / "zz.yaml", inner / "zz.yaml")
        try:
            world.refused((74, 75), ["zz.yaml"], "images", "--rewrite", "sea.hub:5000", folder, unchanged=[folder])
            equal(sorted(path.name for path in folder.iterdir() if path.is_file()),
                  ["hidden.yml", "imageList", "link.yaml", "notes.txt", "pod.yaml"], "files there")
        finally:
            call("umount", inner / "zz.yaml")
