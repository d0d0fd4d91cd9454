# SPDX-License-Identifier: Apache-2.0
"""The executable that travels with the bundle."""

import json
import os
import re
import subprocess

from harness import ROOT, Skipped, call, case, equal, require, sha256
from serve_cases import served


def static(world):
    """A static sealift: the one under test, or that of bundles/tool/build.sh."""
    for path in [world.sealift, os.environ.get("TEST_STATIC_SEALIFT")]:
        if path and "static" in call(path, "--version"):
            return path
    raise Skipped("no static executable: make one with bundles/tool/build.sh, and name it in TEST_STATIC_SEALIFT")


def request(world, output):
    """The words that collect the spec of the world's bundle again, without a lock and mostly without the network."""
    return ["collect", world.bundle.parent / "kubernetes-rawdocker.yaml", "-o", output, "--reuse", world.bundle,
            "--platform", world.own, *world.network]


def collect(world, output, *options):
    return world.ok(*request(world, output), *options)


@case
def version_says_what_a_report_needs(world):
    """--version names version, commit, platform, linking and OpenSSL, a line each."""
    lines = world.ok("--version").out.splitlines()
    equal(len(lines), 4, "lines")
    require(lines[0].startswith("sealift ") and lines[1].startswith("commit "), f"{lines}")
    require(world.own in lines[2] and lines[2].endswith((", static", ", dynamic")), f"{lines}")
    require(lines[3].startswith("OpenSSL 3."), f"{lines}")


@case
def without_proc_every_command_says_so(world):
    """Where /proc is not mounted, a command ends with a message and code 78, never with a trap of the runtime."""
    for words in [["--version"], ["verify", world.bundle], ["serve", world.bundle], []]:
        process = subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"', world.sealift, *words],
            text=True, capture_output=True)
        equal(process.returncode, 78, f"code of {words}: {process.stderr}")
        require("/proc" in process.stderr and "mount -t proc" in process.stderr, process.stderr)


@case
def a_dynamic_executable_says_that_it_cannot_travel(world):
    """A dynamic build collects, and says in one line that it is not carried and how to make one that is."""
    if "static" in world.ok("--version").out:
        raise Skipped("the executable under test is static; the suite on the dynamic one runs this")
    bundle = world.folder("tool-dynamic") / "b.sealift"
    said = [line for line in collect(world, bundle).err.splitlines() if "carries no sealift" in line]
    equal(len(said), 1, "lines")
    require("bundles/tool/build.sh" in said[0], said[0])
    require("no sealift" not in collect(world, bundle, "--no-tool").err, "--no-tool is told again")
    world.refused(78, ["shared libraries", "bundles/tool/build.sh"], *request(world, bundle), "--tool", world.sealift, unchanged=[bundle])
    world.refused(78, ["not an executable"], *request(world, bundle), "--tool", world.bundle)


@case
def the_tool_comes_out_by_tar_and_opens_its_bundle(world):
    """tar takes the tool out of the bundle and of the first volume; it is the one that was given, and it opens the bundle."""
    tool, folder = static(world), world.folder("tool-tar")
    bundle = folder / "k8s.sealift"
    collect(world, bundle, "--tool", tool)
    facts = json.loads(world.ok("inspect", bundle, "--json").out)
    equal([(one["name"], one["digest"]) for one in facts["tools"]], [("sealift", "sha256:" + sha256(tool))], "tools")
    require("sealift  sealift 0." in world.ok("inspect", bundle).out, "inspect shows no tool")
    (folder / "out").mkdir()
    call("tar", "-xf", bundle, "-C", folder / "out", "sealift")
    equal(sha256(folder / "out/sealift"), sha256(tool), "the tool")
    call(folder / "out/sealift", "verify", bundle)
    # The same again is up to date, and the delta of a bundle that has all has its own tool.
    require("up to date" in collect(world, bundle, "--tool", tool).err, "a rerun makes it again")
    collect(world, folder / "delta", "--since", bundle, "--tool", tool)
    require("sealift" in call("tar", "-tf", folder / "delta").split(), "the delta has no tool")
    collect(world, folder / "bare", "--no-tool")
    require("the tool sealift" in world.ok("diff", folder / "bare", bundle).out, "diff does not name it")
    collect(world, folder / "v", "--volume-size", os.path.getsize(tool) + (1 << 20), "--tool", tool)
    (folder / "first").mkdir()
    call("tar", "--occurrence", "-xf", folder / "v.001", "-C", folder / "first", "sealift")
    call(folder / "first/sealift", "verify", folder / "v.001")
    world.ok("export", bundle, "sealift", "--format", "file", "-o", folder / "exported")
    equal(sha256(folder / "exported"), sha256(tool), "the exported tool")
    require(os.access(folder / "exported", os.X_OK), "the exported tool cannot be run")


@case
def tools_of_another_version_and_platform_are_named(world):
    """What --tool carries is named by platform, and by its version where it is not the running one's."""
    folder, own = world.folder("tool-others"), open(static(world), "rb").read()
    note = own.index(b"sealift\0" + (version := world.ok("--version").out.split()[1]).encode())
    (folder / "older").write_bytes(own[:note + 8] + b"0.0.9".ljust(len(version), b"\0") + own[note + 8 + len(version):])
    other, machine = ("arm64", 183) if world.own == "linux/amd64" else ("amd64", 62)
    (folder / "other").write_bytes(own[:18] + machine.to_bytes(2, "little") + own[20:])
    said = collect(world, folder / "b.sealift", "--tool", folder / "older", "--tool", folder / "other").err
    require(f"sealift ({world.own}, version 0.0.9; this is {version}), sealift-linux-{other} (linux/{other})" in said, said)
    require(f"sealift 0.0.9 for {world.own}" in world.ok("inspect", folder / "b.sealift").out, "inspect names no version")


@case
def an_exchanged_tool_is_refused(world):
    """Another executable in the place of the carried one: verify finds it, and with a trusted key nothing opens the bundle."""
    tool, folder = static(world), world.folder("tool-exchanged")
    bundle = folder / "b.sealift"
    collect(world, bundle, "--tool", tool)
    world.ok("keygen", folder / "ops")
    world.ok("sign", bundle, "--key", folder / "ops.key")
    world.ok("verify", bundle, "--key", folder / "ops.pub")
    with open(tool, "rb") as file:
        start = file.read(1 << 12)
    data = bundle.read_bytes()
    place = data.index(start)
    with open(bundle, "r+b") as file:
        file.seek(place + 5000)
        file.write(b"exchanged")
    world.refused(65, ["the tool sealift"], "verify", bundle)
    for command in [["inspect"], ["apply", "--store", folder / "store"], ["serve"], ["verify"]]:
        world.refused(65, ["the tool sealift", "do not run it"], command[0], bundle, *command[1:], "--key",
                      folder / "ops.pub", unchanged=[bundle])


@case
def the_lines_of_the_tool_s_page_run_as_written(world):
    """What bundles/tool/README.md tells an isolated host to type works there, volumes, curl and openssl among it."""
    tool, folder = static(world), world.folder("tool-page")
    guide = (ROOT / "bundles/tool/README.md").read_text()
    blocks = re.findall(r"(?m)^(?:isolated# |\$ )((?:tar|openssl|grep) .*?)(?: {2,}#.*)?$", guide)
    spans = {name: re.search(rf"`({name} [^`]*)`", guide).group(1) for name in ["curl", "sealift export"]}
    equal(len(blocks), 5, f"lines of the page: {blocks}")
    bundle = folder / "k8s.sealift"
    collect(world, bundle, "--tool", tool)
    # In a folder of their own: they would take the place of the file.
    (folder / "volumes").mkdir()
    collect(world, folder / "volumes/k8s.sealift", "--tool", tool, "--volume-size", os.path.getsize(tool) + (1 << 20))
    for volume in sorted((folder / "volumes").glob("k8s.sealift.[0-9]*")):
        volume.rename(folder / volume.name)
    world.ok("keygen", folder / "ops")
    world.ok("sign", bundle, "--key", folder / "ops.key")

    def typed(line, **options):
        """In a folder of its own that has what the medium has; /var/lib and /etc/sealift are those of a new host."""
        start = "mount -t tmpfs none /var/lib && mkdir -p /etc/sealift && mount -t tmpfs none /etc/sealift && exec bash -ec"
        return call("unshare", "--mount", "sh", "-c", f'{start} "$0"', line, cwd=folder, **options)

    for line in blocks[:2]:
        require("kubernetes-rawdocker" in typed(f"{line}; ./sealift store ls; rm sealift"), f"what {line} left in the store")
    with served(world, bundle) as (_, address):
        call("sh", "-ec", spans["curl"].replace("HOST:5000", address), cwd=folder)
    equal(sha256(folder / "sealift"), sha256(tool), "the tool that curl got")
    (folder / "sealift").rename(folder / "got")
    typed(spans["sealift export"].replace("sealift export", "./got export", 1))
    equal(sha256(folder / "sealift"), sha256(tool), "the tool that export wrote")
    said = typed("\n".join(blocks[2:]))
    require("Verified OK" in said, said)
    equal(re.findall(r"[0-9a-f]{64}", said), [sha256(tool)] * 2, "the signed digest and that of the tool")


@case
def the_tool_s_build_names_missing_packages(world):
    """Where Debian's packages are not installed, build.sh names them and what to type, before it does anything."""
    folder = world.folder("tool-packages")
    environment = {**os.environ, "DPKG_ADMINDIR": str(folder)}
    told = subprocess.run([ROOT / "bundles/tool/build.sh", folder / "sealift"], text=True, capture_output=True, env=environment)
    equal(told.returncode, 69, f"code: {told.stderr}")
    for name in ["gcc", "dpkg-dev", "libarchive-dev", "libssl-dev"]:
        require(re.search(rf"apt-get install .*\b{name}\b", told.stderr), f"{name} is not named: {told.stderr}")
    require(not (folder / "sealift").exists(), "something was made")


@case
def the_tool_installs_its_pages_and_completions(world):
    """The lines of bundles/tool/README.md that install it put a manual page and completions where man and the shells look."""
    folder = world.folder("tool-install")
    guide = (ROOT / "bundles/tool/README.md").read_text()
    lines = re.findall(r"(?m)^# ((?:install|mkdir|sealift) .*)$", guide)
    equal(len(lines), 5, f"lines of the page: {lines}")
    places = ["usr/local/bin", "etc/bash_completion.d", "usr/local/share/zsh/site-functions", "etc/fish/completions"]
    for place in places:
        (folder / place).mkdir(parents=True)
    os.symlink(world.sealift, folder / "sealift")
    script = "\n".join(re.sub(r"(?<= )/(usr|etc)/", rf"{folder}/\1/", line) for line in lines)
    call("sh", "-ec", script, cwd=folder, env={**os.environ, "PATH": f"{folder}/usr/local/bin:{os.environ['PATH']}"})
    require("NAME" in call("man", "-P", "cat", "-M", folder / "usr/local/share/man", "sealift-apply"), "man finds no page")
    for place in places[1:]:
        made, = (folder / place).iterdir()
        require("sealift" in made.read_text() and made.stat().st_size > 1000, f"{made} is empty")
