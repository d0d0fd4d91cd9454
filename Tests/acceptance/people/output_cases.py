# SPDX-License-Identifier: Apache-2.0
"""What a user may name: outputs that are devices, links and folders, arguments that are no text; and how runs end."""

import concurrent.futures
import os
import subprocess

import images
from harness import case, equal, require

SPEC = """version: 1
name: output
platforms: [{platform}]
images:
  - {registry}/output/app:1
"""


def spec(world, name):
    """The spec of a bundle with one image, in a folder of its own."""
    tar = images.tar(images.files([images.Entry("f", 0o644, b"x")]))
    made, blobs = images.container(images.OCI, world.architectures[0], [tar], ["f"])
    images.push(images.listed_image("app:1", images.OCI, {world.architectures[0]: (made, blobs)}),
                f"http://{world.registry}", "output")
    return world.spec(world.folder(name), SPEC.format(registry=world.registry, platform=world.own))


@case
def an_output_never_replaces_what_is_no_file(world):
    """-o of a device, a pipe, a folder or a link to one is refused before anything is fetched, and stays."""
    named = spec(world, "output-special")
    folder = world.folder("output-places")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "null").symlink_to("/dev/null")
    (folder / "dangling").symlink_to("nowhere")
    for name in ("pipe", "folder", "null", "dangling"):
        world.refused(73, [name], "collect", named, "-o", folder / name, *world.network, unchanged=[folder])
    equal(sorted(os.listdir(folder)), ["dangling", "folder", "null", "pipe"], "what is there")
    (folder / "latest").symlink_to("dated")
    (folder / "dated").write_text("old")
    world.ok("collect", named, "-o", folder / "latest", *world.network)
    require((folder / "latest").is_symlink() and (folder / "dated").stat().st_size > 1000, "the link was not followed")
    equal(sorted(os.listdir(folder)), ["dangling", "dated", "dated.provenance.json", "folder", "latest", "null", "pipe"],
          "what is left")


@case
def one_collect_at_a_time_writes_an_output(world):
    """Of two collects to one output one ends well; the other says that it is being written."""
    named = spec(world, "output-twice")
    output = world.folder("output-twice-out") / "b.sealift"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: world.run("collect", named, "-o", output, *world.network), range(6)))
    require(any(run.code == 0 for run in runs), f"none ended well: {runs[0]}")
    for run in runs:
        require(run.code in (0, 75), f"wanted 0 or 75: {run}")
        require(run.code == 0 or "another process is writing it" in run.err, f"the advice: {run}")
    equal(sorted(os.listdir(output.parent)), [output.name, f"{output.name}.provenance.json"], "what is left")


@case
def arguments_are_text(world):
    """An argument or a variable that is not UTF-8 is refused: it would name another file."""
    folder = world.folder("output-bytes")
    for words, variables in [([b"store", b"ls", b"--store", os.fsencode(folder) + b"/st\xe9"], {}),
                             ([b"store", b"ls"], {b"SEALIFT_STORE": b"st\xe9"})]:
        process = subprocess.run([os.fsencode(world.sealift), *words], capture_output=True, timeout=60,
                                 env={b"PATH": b"/usr/bin:/bin", **variables})
        equal(process.returncode, 64, f"the exit code ({process.stderr})")
        require(b"UTF-8" in process.stderr, f"the message: {process.stderr}")


@case
def without_proc_no_command_is_taken_for_another(world):
    """Where /proc is not mounted the arguments cannot be read: that is said, and nothing else is done."""
    script = "mount -t tmpfs none /proc && exec \"$0\" store ls --store /nowhere"
    process = subprocess.run(["unshare", "-m", "sh", "-c", script, str(world.sealift)], capture_output=True, text=True, timeout=60)
    require(process.returncode != 0, f"it ended well: {process.stdout}")


@case
def a_finished_run_ends_well(world):
    """Hundreds of runs, six at once: each ends with 0 once its bundle is there."""
    named = spec(world, "output-many")
    folder = world.folder("output-many-out")

    def run(number):
        return world.run("collect", named, "-o", folder / f"{number}.sealift", *world.network)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        codes = [outcome.code for outcome in pool.map(run, range(120))]
    equal(set(codes), {0}, "the exit codes")


@case
def an_archive_folder_is_looked_for_first(world):
    """--output oci-archive:FOLDER of a folder that is not there is refused before anything is read."""
    world.refused(66, ["nowhere"], "apply", "none.sealift", "--output", f"oci-archive:{world.work}/nowhere")


@case
def too_few_threads_are_a_failure(world):
    """Under any limit of processes a run ends at once: with 75 and what to raise, or as if there were none."""
    named = spec(world, "output-threads")
    bundle = world.folder("output-threads-out") / "b.sealift"
    world.ok("collect", named, "-o", bundle, *world.network)
    for path in [*bundle.parents][:3]:
        path.chmod(0o755)
    codes = []
    for limit in (1, 2, 4, 8, 12, 40):
        user = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "prlimit", f"--nproc={limit}:{limit}"]
        outcome = world.run("verify", bundle, prefix=user, timeout=60)
        require(outcome.code in (0, 75), f"{limit} processes: {outcome}")
        require(outcome.code == 0 or "ulimit" in outcome.err, f"{limit} processes: {outcome}")
        codes.append(outcome.code)
    equal((codes[0], codes[-1]), (75, 0), "the codes of the smallest and the largest limit")
    for limit, code in (("5:5", 78), ("8:8", 78), ("63:63", 78), ("64:64", 0), ("8:1024", 0)):
        outcome = world.run("verify", bundle, prefix=["prlimit", f"--nofile={limit}"], timeout=60)
        equal((outcome.code, "ulimit -n" in outcome.err), (code, code != 0), f"{limit} open files: {outcome}")


@case
def closed_standard_descriptors_take_no_output(world):
    """With stdin, stdout and stderr closed, no file gets their numbers: nothing that is said is written into one."""
    folder = world.folder("output-closed")
    (folder / "s.yaml").write_text(f"version: 1\nname: x\nplatforms: [{world.own}]\nfiles: {{f: {{text: hello}}}}\n")
    world.ok("collect", folder / "s.yaml", "-o", folder / "open.sealift", "--no-tool", "--no-provenance")
    for closed in ("1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"):
        # A file for each thread: in one file a call that another interrupts has two lines.
        run = world.run("-c", f'exec strace -ff -o {folder}/trace -e trace=write "$@" {closed}', "sh", world.sealift, "collect",
                        folder / "s.yaml", "-o", folder / "b.sealift", "--no-tool", "--no-provenance", program="/bin/sh")
        require(run.code in (0, 74), f"{closed}: {run}")
        lost = 1 if "1>" in closed else 2
        traces = list(folder.glob("trace.*"))
        written = [line for trace in traces for line in trace.read_text().splitlines() if line.startswith(f"write({lost},")]
        require(written, f"{closed}: nothing is written to {lost}")
        require(all("EBADF" in line for line in written), f"{closed}: {written}")
        equal((folder / "b.sealift").read_bytes(), (folder / "open.sealift").read_bytes(), f"{closed}: the bundle")
        for path in [folder / "b.sealift", *traces]:
            path.unlink()
