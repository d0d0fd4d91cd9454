# SPDX-License-Identifier: Apache-2.0
"""The other commands, and how the program ends: signals, serve, export, sign, diff."""

import json
import re
import shutil
import signal
import subprocess

import contents
from harness import ROOT, Store, call, case, equal, require, sha256

FULL = "kubernetes-rawdocker:v1.19.8"


@case
def every_option_of_collect_and_lock_is_explained(world):
    """The table in bundles/README.md has a row, with an example, for each option that the help of collect and lock tells."""
    guide = (ROOT / "bundles/README.md").read_text()
    table = guide[guide.index("## The options of collect and lock"):]
    rows = dict(re.findall(r"(?m)^\| [^|]*?`?(--[a-z-]+)[^|]*\| (\w+) \| [^|]+\| `[^|`]+` \|$", table))
    told = {command: set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", world.ok(command, "--help").out))
            for command in ("collect", "lock")}
    for command, options in told.items():
        expected = {option for option in options if option not in ("--help", "--version")}
        explained = {option for option, of in rows.items() if of in (command, "both")}
        equal(sorted(expected), sorted(explained), f"options of {command}, and rows for them")


@case
def lock_update_takes_names_or_none(world):
    """`lock SPEC --update NAME…` resolves those again, `--update` without names all; a name without --update is a mistake."""
    folder = world.folder("lock-update")
    spec = world.spec(folder)
    lock = folder / "kubernetes-rawdocker.lock.json"
    first = world.ok("lock", spec, *world.network)
    equal(sorted({line[0] for line in first.out.splitlines()}), ["+"], "changes of the first lock")
    text = lock.read_text()
    digests = re.findall(r"sha256:[0-9a-f]{64}", text)
    forged = text.replace(digests[0], "sha256:" + "0" * 64)
    lock.write_text(forged)
    equal(world.ok("lock", spec, *world.network).out, "", "what is locked stays")
    equal(lock.read_text(), forged, "the lock")
    world.refused(64, ["no image, no chart and no file"], "lock", spec, "--update", "nobody", *world.network, unchanged=[folder])
    outcome = world.run("lock", spec, "docker")
    require(outcome.code == 64 and "--update docker" in outcome.err, f"a name without --update: {outcome}")
    world.ok("lock", "--update", spec, "docker", "registry:2.7.1", *world.network)
    told = world.ok("lock", spec, *world.network, "--update")
    equal(lock.read_text(), text, "the lock when all is resolved again")
    require(len(told.out.splitlines()) <= 1, f"only the forged entry can have changed: {told}")


@case
def interrupted_apply_is_finished_by_a_rerun(world):
    """Ctrl-C ends an apply as a signal, SIGTERM with 75, both with a word on what to do; the rerun ends as an undisturbed one."""
    store = world.folder("interrupted")
    arguments = [world.sealift, "apply", world.bundle, "--store", store, "--platform", world.own]
    for number in (signal.SIGINT, signal.SIGTERM):
        running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = ""
        while "build " not in said:
            line = running.stderr.readline()
            require(line, f"apply ended before it could be interrupted:\n{said}")
            said += line
        running.send_signal(number)
        said += running.communicate(timeout=60)[1]
        equal(running.returncode, 75 if number == signal.SIGTERM else -number, f"how it ended after {number!r}")
        require("run the same command again" in said, f"no remedy in:\n{said}")
        require(not any(FULL in name for name in Store(store).listed), "a half-made image is listed")
    world.ok(*arguments[1:])
    equal(Store(store).image(FULL), Store(world.store).image(FULL), "the image after the rerun")


@case
def serve_is_a_registry(world):
    """skopeo copies an image from `serve` bit by bit, curl a file; SIGINT ends the server with 0."""
    folder = world.folder("served")
    with subprocess.Popen([world.sealift, "serve", world.bundle, "--listen", "127.0.0.1:0"],
                          stderr=subprocess.PIPE, text=True) as server:
        try:
            said = server.stderr.readline().strip()
            found = re.search(r"http://(\S+)/$", said)
            require(found, f"the server's first line names no address:\n{said}")
            address = found.group(1)
            call("skopeo", "copy", "--src-tls-verify=false", "--override-arch", world.architectures[0],
                 f"docker://{address}/{contents.CALICO[0]}", f"dir:{folder}/image")
            for blob in (folder / "image").glob("[0-9a-f]*"):
                if len(blob.name) == 64:
                    equal(sha256(blob), blob.name, "a served blob")
            sums = call("curl", "-fsS", f"http://{address}/files/SHA256SUMS")
            name = sums.split()[1]
            call("curl", "-fsS", "-o", folder / name, f"http://{address}/files/{name}")
            equal(sha256(folder / name), sums.split()[0], "a served file")
        finally:
            server.send_signal(signal.SIGINT)
            server.stderr.read()
        equal(server.wait(timeout=60), 0, "exit code of the server")


@case
def export_is_loaded_by_others(world):
    """A docker-archive on stdout, an oci-archive and a file come out as skopeo and sha256sum read them."""
    folder = world.folder("exported")
    archive = folder / "registry.tar"
    with open(archive, "wb") as out:
        subprocess.run([world.sealift, "export", world.bundle, "registry:2.7.1", "-o", "-", "--platform", world.own],
                       stdout=out, check=True)
    call("skopeo", "inspect", "--config", f"docker-archive:{archive}:registry:2.7.1")
    world.ok("export", world.bundle, contents.OPERATOR, "--format", "oci-archive", "-o", folder / "operator.tar")
    call("skopeo", "--override-arch", world.architectures[0], "inspect", f"oci-archive:{folder}/operator.tar")
    world.ok("export", world.bundle, "docker", "--format", "file", "--platform", world.own, "-o", folder / "docker.tgz")
    require("docker/dockerd" in call("tar", "-tzf", folder / "docker.tgz"), "the file is not the docker tarball")


@case
def signatures_are_openssls(world):
    """openssl accepts our signature; with a key, an unsigned bundle, and one signed by another, are refused."""
    folder = world.folder("signed")
    bundle = folder / "demo.sealift"
    shutil.copy(world.bundle, bundle)
    for name in ("ours", "other"):
        world.ok("keygen", folder / name)
    world.refused(65, ["no .*sig"], "verify", bundle, "--key", folder / "ours.pub", unchanged=[folder])
    world.ok("sign", bundle, "--key", folder / "ours.key")
    world.ok("verify", bundle, "--key", folder / "ours.pub")
    (folder / "index.json").write_text(call("tar", "-xOf", bundle, "index.json"))
    call("openssl", "base64", "-d", "-A", "-in", f"{bundle}.sig", "-out", folder / "raw")
    call("openssl", "dgst", "-sha256", "-verify", folder / "ours.pub", "-signature", folder / "raw",
         folder / "index.json")
    store = world.folder("signed-store")
    world.refused(65, ["not made"], "apply", bundle, "--key", folder / "other.pub", "--store", store,
                  unchanged=[folder, store])


@case
def diff_tells_nothing_between_equal_bundles(world):
    """diff of a bundle with itself names no change and keeps every byte."""
    outcome = world.ok("diff", world.bundle, world.bundle)
    equal(len(outcome.out.splitlines()), 1, "lines")
    require(outcome.out.startswith("nothing changed: 0 B new, 0 B gone, "), outcome.out)


@case
def every_command_demands_a_trusted_signature(world):
    """With --key or --keys, every command that reads a bundle refuses one that no trusted key signed, and names signers."""
    folder = world.folder("trusted")
    bundle, keys, store = folder / "demo.sealift", folder / "keys", world.folder("trusted-store")
    shutil.copy(world.bundle, bundle)
    keys.mkdir()
    specs = world.folder("trusted-spec")
    world.ok("keygen", keys / "ops")
    shutil.move(keys / "ops.key", folder / "ops.key")
    commands = [
        ("verify", bundle), ("inspect", bundle), ("apply", bundle, "--store", store), ("diff", world.bundle, bundle),
        ("diff", bundle, world.bundle), ("serve", bundle, "--print-config", "docker"),
        ("push", bundle, "--to", "127.0.0.1:9/x"), ("export", bundle, "-o", folder / "x.tar"),
        ("store", "repair", bundle, "--store", store), ("apply", "--rollback", bundle, "--store", store),
        ("collect", world.spec(specs), "--since", bundle, "-o", specs / "new.sealift", *world.network),
        ("collect", world.spec(specs), "--reuse", bundle, "-o", specs / "new.sealift", *world.network),
        ("images", "--rewrite", "sea.hub:5000", "--bundle", bundle, folder / "none.yaml"),
        ("verify", world.bundle, "--with", bundle),
    ]
    for command in commands:
        for option in (("--key", keys / "ops.pub"), ("--keys", keys)):
            world.refused(65, ["accept the signature"], *command, *option, unchanged=[folder, store])
    world.ok("sign", bundle, "--key", folder / "ops.key")
    identity = call("sh", "-c", f"openssl pkey -pubin -in {keys}/ops.pub -outform DER | sha256sum").split()[0]
    require(f"signed by ops (key {identity[:16]})" in world.ok("verify", bundle, "--keys", keys).err, "no signer")
    require(f"ops  sha256:{identity}" in world.ok("inspect", bundle, "--keys", keys).out, "no signer")
    signers = json.loads(world.ok("verify", bundle, "--keys", keys, "--json").out)["signers"]
    equal(signers, [{"fingerprint": f"sha256:{identity}", "name": "ops"}], "signers")
    require("unsigned" in world.ok("apply", world.bundle, "--store", store, "--dry-run").err, "not called unsigned")
    require("no trusted key" in world.ok("apply", bundle, "--store", store, "--dry-run").err, "not called unchecked")


@case
def keys_are_made_for_their_owner_alone(world):
    """keygen overwrites neither file, makes the private one 0600, and sign takes a passphrase from a file."""
    folder = world.folder("keygen")
    (folder / "pass").write_text("open sesame\n")
    (folder / "taken.pub").write_text("mine")
    world.refused(73, ["never overwritten"], "keygen", folder / "taken", unchanged=[folder])
    world.ok("keygen", folder / "k", "--passphrase-file", folder / "pass")
    equal(oct((folder / "k.key").stat().st_mode & 0o777), "0o600", "mode")
    world.refused(73, ["never overwritten"], "keygen", folder / "k", unchanged=[folder])
    shutil.copy(world.bundle, folder / "b")
    world.refused(64, ["no terminal"], "sign", folder / "b", "--key", folder / "k.key", unchanged=[folder])
    world.ok("sign", folder / "b", "--key", folder / "k.key", "--passphrase-file", folder / "pass")
    world.ok("verify", folder / "b", "--key", folder / "k.pub")
