# SPDX-License-Identifier: Apache-2.0
"""What people do first, and what an auditor does last, with the commands as they are written."""

import json
import os
import re
import shutil
import subprocess

from harness import ROOT, Store, call, case, equal, flip, require


@case
def a_newcomer_crosses_the_gap(world):
    """init, check, collect, copied to a medium, verify and apply there with only the medium's files: the images are the promised ones."""
    folder, medium = world.folder("newcomer"), world.folder("newcomer-medium")
    world.ok("init", "--kind", "docker", "-o", "k8s.yaml", cwd=folder)
    platforms = ", ".join(f"linux/{name}" for name in world.architectures)
    spec = folder / "k8s.yaml"
    spec.write_text(re.sub(r"platforms: \[.*\]", f"platforms: [{platforms}]", spec.read_text()))
    world.ok("check", "k8s.yaml", *world.network, cwd=folder)
    told = world.ok("collect", "k8s.yaml", "-o", "k8s.sealift", *world.network, cwd=folder)
    identity = told.out.split()[0]
    world.ok("keygen", "ops", cwd=folder)
    world.ok("sign", "k8s.sealift", "--key", "ops.key", cwd=folder)
    size = (folder / "k8s.sealift").stat().st_size
    world.ok("copy", "k8s.sealift", medium, "--volume-size", size // 2 + 1, cwd=folder)
    shutil.copy(folder / "ops.pub", medium)
    promised = json.loads(world.ok("inspect", "k8s.sealift", "--json", cwd=folder).out)["outcome"]["images"]
    shutil.rmtree(folder)
    # From here on there are no network, no spec and no lock: the proxy leads nowhere.
    dead = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    equal(world.ok("verify", "k8s.sealift", "--key", "ops.pub", cwd=medium, environment=dead).out.split()[0], identity, "the identity")
    store = world.folder("newcomer-store")
    applied = ["apply", "k8s.sealift", "--key", "ops.pub", "--store", store, "--platform", world.own]
    require("apply kubernetes-rawdocker" in world.ok(*applied, "--dry-run", cwd=medium, environment=dead).out, "the plan")
    equal(list(store.iterdir()), [], "a dry run writes nothing")
    world.ok(*applied, cwd=medium, environment=dead)
    for image in promised:
        if image["platform"] == world.own:
            equal(Store(store).image(image["name"].split("/", 1)[1])[0], image["id"], f"the id of {image['name']}")
    equal(sorted(os.listdir(medium)), ["k8s.sealift.001", "k8s.sealift.002", "k8s.sealift.provenance.json", "k8s.sealift.sig", "ops.pub"], "the medium")


@case
def the_format_page_is_checked_as_written(world):
    """The lines of "Check it yourself" run as they are written: members, digests, identity, the signature; damage shows."""
    folder = world.folder("check-yourself")
    shutil.copy(world.bundle, folder / "BUNDLE")
    call("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "private.pem")
    call("openssl", "pkey", "-in", folder / "private.pem", "-pubout", "-out", folder / "public.pem")
    world.ok("sign", folder / "BUNDLE", "--key", folder / "private.pem")
    (folder / "FOLDER").mkdir()
    page = (ROOT / "Sources/BundleFormat/BundleFormat.docc/Format.md").read_text()
    block = page.split("## Check it yourself")[1].split("```sh\n")[1].split("```")[0]
    lines = [re.split(r"\s+# ", line)[0] for line in block.strip().splitlines()]

    def run(words):
        [line] = [line for line in lines if words in line]
        return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)

    require("index.json" in run("tar tvf BUNDLE").stdout, "the members")
    told = run("sha256sum * | awk")
    equal((told.returncode, told.stdout, told.stderr), (0, "", ""), "digests that are not the names")
    equal(run("xOf BUNDLE index.json | sha256sum").stdout.split()[0],
          json.loads(world.ok("inspect", folder / "BUNDLE", "--json").out)["digest"].removeprefix("sha256:"), "the identity")
    equal(run("base64 -d BUNDLE.sig").returncode, 0, "the signature as bytes")
    require("Verified OK" in run("openssl dgst").stdout, "openssl's word")
    blob = max((folder / "FOLDER/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    flip(blob, 100)
    shown = subprocess.run(["bash", "-c", "cd FOLDER/blobs/sha256 && sha256sum * | awk '$1 != $2'"], cwd=folder,
                           capture_output=True, text=True, check=False)
    require(blob.name in shown.stdout, "a damaged blob does not show")
    (folder / "index.json").write_bytes((folder / "index.json").read_bytes() + b" ")
    require(run("openssl dgst").returncode != 0, "openssl takes another index")
