# SPDX-License-Identifier: Apache-2.0
"""What programs and auditors get: documents with a form, sizes, and the report of a verification."""

import collections
import copy
import json
import os
import shutil
import subprocess

import jsonschema
from harness import ROOT, call, case, equal, flip, require
from store_cases import SPEC, small

FORMS = json.loads((ROOT / "bundles/output.schema.json").read_text())


def closed(form):
    """The form without room for keys that it does not describe."""
    form = copy.deepcopy(form)
    todo = [form]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            if "properties" in part:
                part["additionalProperties"] = False
            todo += part.values()
        elif isinstance(part, list):
            todo += part
    return form


CLOSED = closed(FORMS)


def of_form(text, name=None):
    """The document in `text`, which must be of the form that it names, or of `name`, with no key left undescribed."""
    document = json.loads(text)
    if name is None:
        name, version = document["schema"].split("/")
        equal(version, "1", f"version of {name}")
    jsonschema.validate(document, {**CLOSED, "oneOf": [{"$ref": f"#/$defs/{name}"}]})
    return document


def damaged(world, folder):
    """A copy of the bundle with a flipped bit in each of its two largest blobs, and their digests."""
    bundle = folder / "damaged.sealift"
    shutil.copy(world.bundle, bundle)
    blobs = {name.removeprefix("blobs/sha256/"): int(size) for size, name in
             ((line.split()[2], line.split()[5]) for line in call("tar", "-tvf", bundle).splitlines())
             if name.startswith("blobs/sha256/")}
    largest = sorted(blobs, key=blobs.get)[-2:]
    data = bundle.read_bytes()
    for name in largest:
        flip(bundle, data.index(f"blobs/sha256/{name}\0".encode()) + 512 + blobs[name] // 2)
    return bundle, {f"sha256:{name}" for name in largest}


@case
def documents_have_their_form(world):
    """Each --json document validates against bundles/output.schema.json, which leaves no key of it undescribed."""
    folder = world.folder("documents")
    spec = world.spec(folder)
    jsonschema.Draft202012Validator.check_schema(FORMS)
    for command in (["inspect", world.bundle], ["verify", world.bundle], ["diff", world.bundle, world.bundle],
                    ["collect", spec, "--dry-run", *world.network],
                    ["apply", world.bundle, "--store", folder / "store", "--platform", world.own, "--dry-run"],
                    ["store", "ls", "--store", world.store],
                    ["apply", "--rollback", "--dry-run", "--store", world.store]):
        of_form(world.ok(*command, "--json").out)
    of_form(world.ok("images", ROOT / "bundles/demo/network", "--json").out, "images")
    of_form(world.ok("store", "check", "--store", world.store, "--json").out, "store-check")
    of_form(world.ok("store", "gc", "--dry-run", "--store", world.store, "--json").out, "store-gc")
    of_form(world.ok("lock", spec, "--json", *world.network).out, "lock")
    told = world.ok("collect", spec, "-o", folder / "new.sealift", "--reuse", world.bundle, "--json", *world.network)
    of_form(told.out)
    for line in told.err.splitlines():
        of_form(line, "event")
    refused = world.run("verify", folder / "none.sealift", "--json")
    equal(of_form(refused.err, "event")["exitCode"], refused.code, "the exit code of the event")


@case
def check_export_and_serve_have_documents(world):
    """check, export and serve print one document of their form; serve as soon as clients can connect, at the address that it names."""
    folder = world.folder("more-documents")
    bundle = small(world)
    spec = world.spec(folder, SPEC.format(platform=world.own, registry=world.registry, tag="1"))
    facts = json.loads(world.ok("inspect", bundle, "--json").out)
    proved = of_form(world.ok("check", spec, "--json", *world.network).out)
    equal((proved["platforms"], proved["name"]), ([world.own], facts["spec"]["name"]), "what was proved")
    equal(set(proved["builds"]), {build["tag"] for build in facts["spec"]["builds"]}, "the builds")
    written = of_form(world.ok("export", bundle, "--format", "oci-archive", "-o", folder / "all.tar", "--json").out)
    equal({(item["name"], item["digest"]) for item in written["written"]},
          {(image["reference"], image["digest"]) for image in facts["lock"]["images"]}, "what was exported")
    for words in (["export", bundle, "-o", "-"], ["serve", bundle, "--print-config", "docker"]):
        refused = of_form(world.run(*words, "--json").err, "event")
        equal((refused["kind"], refused["exitCode"]), ("usage", 64), f"both at standard output: {refused}")
    with subprocess.Popen([world.sealift, "serve", bundle, "--listen", "127.0.0.1:0", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            document = ""
            while not document.endswith("}\n") or document.count("{") != document.count("}"):
                line = server.stdout.readline()
                require(line, f"it ended without a document: {document}")
                document += line
            ready = of_form(document)
            equal([one["digest"] for one in ready["bundles"]], [facts["digest"]], "what it serves")
            call("curl", "-fsS", f"{ready['url']}v2/")
        finally:
            server.terminate()
            said = server.stderr.read()
        for line in said.splitlines():
            of_form(line, "event")


@case
def sizes_are_counted_by_artifact_platform_and_layer(world):
    """The sizes of inspect --json are those that the manifests in the bundle give, shared blobs counted once."""
    facts = json.loads(world.ok("inspect", world.bundle, "--json").out)
    sizes, lock = facts["sizes"], facts["lock"]

    def manifest(digest):
        return json.loads((world.unpacked / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())

    owned, platforms = {}, collections.defaultdict(dict)
    for image in lock["images"]:
        parts = {image["digest"]: image["size"]}
        for instance in image["platforms"]:
            own = manifest(instance["digest"])
            blobs = {instance["digest"]: instance["size"]}
            blobs |= {blob["digest"]: blob["size"] for blob in [own["config"], *own["layers"]]}
            platforms[instance["platform"]] |= blobs
            parts |= blobs
        owned[image["reference"]] = parts
    for file in lock["files"]:
        owned[f"{file['name']}-{file['platform'].replace('/', '-')}"] = {file["digest"]: file["size"]}
        platforms[file["platform"]][file["digest"]] = file["size"]
    owners = collections.Counter(digest for parts in owned.values() for digest in parts)
    equal({artifact["name"]: (artifact["size"], artifact["exclusive"]) for artifact in sizes["artifacts"]},
          {name: (sum(parts.values()), sum(size for digest, size in parts.items() if owners[digest] == 1))
           for name, parts in owned.items()}, "sizes of artifacts")
    equal({share["platform"]: share["size"] for share in sizes["platforms"]},
          {name: sum(parts.values()) for name, parts in platforms.items()}, "sizes of platforms")
    every = {digest: size for parts in owned.values() for digest, size in parts.items()}
    shared = {digest: count for digest, count in owners.items() if count > 1}
    require(shared, "the demo's images share layers")
    equal((sizes["shared"], sizes["saved"]),
          (sum(every[digest] for digest in shared), sum(every[digest] * (count - 1) for digest, count in shared.items())),
          "what is shared")
    for artifact in sizes["artifacts"]:
        for instance in artifact["platforms"]:
            own = manifest(instance["digest"])
            equal([(blob["digest"], blob["size"], blob["owners"]) for blob in instance["layers"]],
                  [(blob["digest"], blob["size"], owners[blob["digest"]]) for blob in own["layers"]], "layers")
    require("in several artifacts and carried once" in world.ok("inspect", world.bundle).out, "inspect shows sharing")


@case
def verify_reports_every_damaged_blob(world):
    """verify --json lists all damaged blobs, and --report writes the same with every blob, as JSON and as a text."""
    folder = world.folder("report")
    bundle, digests = damaged(world, folder)
    told = world.run("verify", bundle, "--json", "--report", folder / "filed.json")
    equal(told.code, 65, "exit code")
    outcome = of_form(told.out)
    equal(outcome["result"], "damaged", "result")
    equal({item["digest"] for item in outcome["damaged"]}, digests, "damaged blobs")
    report = of_form((folder / "filed.json").read_text())
    equal({blob["digest"] for blob in report["checked"] if blob["result"] == "damaged"}, digests, "in the report")
    names = set(call("tar", "-tf", bundle).split())
    equal({"blobs/sha256/" + blob["digest"].removeprefix("sha256:") for blob in report["checked"]},
          {name for name in names if name.startswith("blobs/sha256/") and len(name) > 70}, "what was checked")
    text = (folder / "filed.txt").read_text()
    for word in ["DAMAGED: 2 of", *digests, outcome["digest"], "copy"]:
        require(word in text, f"the text lacks {word}:\n{text[:2000]}")


@case
def the_report_names_the_signer_and_a_refusal(world):
    """The report of a signed bundle names key and result; that of a bundle without a trusted signer says why it was refused."""
    folder = world.folder("signed-report")
    bundle = folder / "demo.sealift"
    os.link(world.bundle, bundle)
    for name in ("ops", "other"):
        world.ok("keygen", folder / name)
    world.ok("sign", bundle, "--key", folder / "ops.key")
    world.ok("verify", bundle, "--key", folder / "ops.pub", "--report", folder / "good")
    report = of_form((folder / "good.json").read_text())
    equal((report["result"], report["signature"]["state"]), ("passed", "verified"), "of the trusted key")
    identity = call("sh", "-c", f"openssl pkey -pubin -in {folder}/ops.pub -outform DER | sha256sum").split()[0]
    equal(report["signers"], [{"name": "ops", "fingerprint": f"sha256:{identity}"}], "signers")
    require(f"ops, key sha256:{identity}" in (folder / "good.txt").read_text(), "the text names the key")
    refused = world.run("verify", bundle, "--key", folder / "other.pub", "--report", folder / "bad.txt")
    equal(refused.code, 65, "exit code")
    report = of_form((folder / "bad.json").read_text())
    equal((report["result"], report["refusal"]["exitCode"]), ("refused", 65), "of another key")
    require("REFUSED" in (folder / "bad.txt").read_text(), "the text says so")


@case
def openssl_checks_an_ed25519_signature(world):
    """The commands of bundles/README.md accept an Ed25519 signature over index.json, and refuse another index."""
    folder = world.folder("ed25519")
    bundle = folder / "k8s.sealift"
    os.link(world.bundle, bundle)
    call("openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "ops.key")
    call("openssl", "pkey", "-in", folder / "ops.key", "-pubout", "-out", folder / "ops.pub")
    world.ok("sign", bundle, "--key", folder / "ops.key")
    guide = (ROOT / "bundles/README.md").read_text()
    commands = [line.strip().removeprefix("$ ").split("  #")[0] for line in guide.splitlines() if line.startswith("  $ ")]
    chosen = [line for line in commands if "dgst" not in line]
    equal(len(chosen), 3, f"commands of the guide: {commands}")
    require("Verified Successfully" in call("sh", "-ec", "\n".join(chosen), cwd=folder), "openssl's word")
    (folder / "index.json").write_text("{}")
    refused = world.run("verify", bundle, "--key", folder / "ops.pub")
    equal(refused.code, 0, "sealift's own check")
    other = subprocess.run(["sh", "-c", chosen[-1]], cwd=folder, capture_output=True, text=True, check=False)
    require(other.returncode != 0, f"openssl takes another index: {other.stdout}")
