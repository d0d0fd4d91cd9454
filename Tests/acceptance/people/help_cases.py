# SPDX-License-Identifier: Apache-2.0
"""What a person asks the program itself: help, manual pages, completion, wrong arguments, quiet and verbose, Ctrl-C."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess

from harness import call, case, equal, require


def commands(world):
    """Every command as a list of words, with what the program says of it."""
    found = []
    todo = [([], json.loads(world.ok("--experimental-dump-help").out)["command"])]
    while todo:
        path, command = todo.pop()
        below = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
        todo += [([*path, one["commandName"]], one) for one in below]
        if not below:
            found.append((path, command))
    return found


@case
def every_command_has_examples_that_it_takes(world):
    """The help of each command has examples, whose commands and options it has."""
    known = {}
    for path, command in commands(world):
        known[" ".join(path)] = {("--" if name["kind"] == "long" else "-") + name["name"]
                                 for entry in command["arguments"] for name in entry.get("names", [])}
    require(len(known) > 18, f"commands: {sorted(known)}")
    for path, command in commands(world):
        told = command.get("discussion", "")
        require("EXAMPLES:" in told, f"{path} has no examples")
        lines = told.split("EXAMPLES:")[1].strip().splitlines()
        require(any(f"sealift {' '.join(path)}" in line for line in lines), f"no example of {path} itself: {lines}")
        for line in lines:
            require(len(line.rstrip()) <= 80, f"on a terminal of 80 columns this example is broken: {line}")
            for part in re.split(r"&&|\|(?= sealift)", line.split(" #")[0]):
                words = shlex.split(part)
                if words[:1] != ["sealift"]:
                    continue
                name = next((" ".join(words[1:end]) for end in (3, 2) if " ".join(words[1:end]) in known), None)
                require(name, f"{line} names no command")
                for word in words:
                    option = word.split("=")[0]
                    require(not option.startswith("-") or option == "-" or option in known[name], f"{line}: no option {option}")


@case
def manual_pages_are_made_from_the_help(world):
    """`man FOLDER` writes a page for each command that groff takes without a warning and that has all its options."""
    folder = world.folder("man")
    world.ok("man", folder)
    for path, command in commands(world):
        page = folder / f"{'-'.join(['sealift', *path])}.1"
        shown = subprocess.run(["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou", page], text=True, capture_output=True, check=True)
        equal(shown.stderr, "", f"warnings of groff on {page.name}")
        text = re.sub(r"\s+", " ", shown.stdout.replace("‐", "-"))
        for entry in command["arguments"]:
            for name in entry.get("names", []):
                require(("--" if name["kind"] == "long" else "-") + name["name"] in text, f"{page.name} lacks {name}")
        require("EXAMPLES" in text and re.sub(r"\s+", " ", command["abstract"]) in text, f"{page.name}:\n{text[:500]}")
    world.refused((66, 73, 78), ["none"], "man", folder / "none")


@case
def shells_complete_from_the_bundle(world):
    """bash completes the images, the platforms and the formats of `export` from the bundle that the line names."""
    script = """
        source <(sealift --generate-completion-script bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        "$(complete -p sealift | sed 's/.*-F \\([^ ]*\\).*/\\1/')" sealift "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    def offered(*words):
        path = {**os.environ, "PATH": f"{world.sealift.parent}:{os.environ['PATH']}"}
        return call("bash", "-c", script, "bash", "sealift", *words, env=path).split()

    require("docker" in offered("export", world.bundle, "do"), "the file")
    require("quay.io/tigera/operator" in " ".join(offered("export", world.bundle, "quay")), "the image")
    require(world.own in offered("export", world.bundle, "--platform", "lin"), "the platform")
    equal(sorted(offered("export", world.bundle, "--format", "oci")), ["oci", "oci-archive"], "the formats")
    equal([word for word in offered("export", "nothing", "x") if "sealift" in word], [], "without a bundle")


@case
def wrong_arguments_are_errors_like_all_others(world):
    """Code 64, `sealift:` before it, a reason, and what to do next; as an event under --json; typing errors are understood."""
    for words, expected in [(["verfy", "x"], "did you mean 'verify'"), (["store", "chck"], "did you mean 'check'"),
                            (["verify"], "missing expected argument"), (["verify", "--jsn", "x"], "did you mean '--json'"),
                            (["verify", "a", "b"], "unexpected argument"), (["xyzzy"], "the commands are"),
                            (["collect", "x", "--platform", "y"], "write it like linux/amd64"), (["verify", "-qv", "x"], "exclude")]:
        refused = world.refused(64, [expected.replace("D", "[Dd]").replace("d", "[Dd]", 1), "^sealift: cannot read the arguments of",
                                     r"see `sealift .*--help`"], *words)
        require("Error:" not in refused.err, f"another form: {refused}")
    event = json.loads(world.run("verify", "--json").err)
    equal((event["event"], event["kind"], event["exitCode"]), ("failure", "usage", 64), "the event")
    require("missing" in event["text"] and "--help" in event["remedy"], f"its words: {event}")


@case
def quiet_is_quiet_and_verbose_says_more(world):
    """-q leaves data and errors only, -v names each artifact and the class of an error; the environment sets them too."""
    quiet = world.ok("verify", world.bundle, "-q")
    equal((quiet.err, len(quiet.out.splitlines())), ("", 1), "what a quiet verify says")
    equal(world.ok("verify", world.bundle, environment={"SEALIFT_QUIET": "1"}).err, "", "what the environment makes quiet")
    refused = world.refused(66, ["none"], "verify", "none", "-q")
    require("exit code" not in refused.err, "only -v says the code")
    require("(input, exit code 66)" in world.run("verify", "none", "-v").err, "the class of an error")
    folder = world.folder("verbose")
    told = world.ok("collect", world.spec(folder), "-o", folder / "x.sealift", "--verbose", *world.network).err
    require(re.search("calico/node.*: begins", told) and re.search(": done", told), f"artifacts: {told[:800]}")


@case
def ctrl_c_ends_a_loop_of_the_shell(world):
    """A loop in bash ends with the first Ctrl-C, since the program dies of the signal itself."""
    folder = world.folder("loop")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        (folder / "x.yaml").write_text(f"version: 1\nname: x\nplatforms: [linux/amd64]\nimages: ['{host}/a:1']\n")
        loop = f"for i in 1 2 3; do echo turn; '{world.sealift}' collect x.yaml --insecure {host}; done; echo end"
        running = subprocess.Popen(["bash", "-c", loop], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        silent.accept()[0].close()
        silent.accept()
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    equal(out.split(), ["turn"], "turns of the loop")
    require("run the same command again" in err, f"the word on what to do next: {err}")


@case
def without_proc_it_says_so(world):
    """Where /proc is not mounted the arguments cannot be read: an error, not the help."""
    told = world.run("verify", "x", prefix=["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$0" "$@"'])
    equal(told.code, 78, f"exit code: {told}")
    require(re.search("/proc.*is not mounted", told.err) and "mount -t proc" in told.err and not told.out, f"its words: {told}")
