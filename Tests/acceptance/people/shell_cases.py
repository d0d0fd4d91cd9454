# SPDX-License-Identifier: Apache-2.0
"""Completion as zsh and fish do it for a person at a terminal."""

import os
import pty
import re
import select
import shutil
import signal
import time

import contents
from harness import Skipped, case, equal, require

# How each is started without settings of this machine, and what a person's own settings say of sealift.
SHELLS = {
    "zsh": (["zsh", "-f", "-i"], "PS1='> '; fpath=($PWD/zsh $fpath); autoload -U compinit; compinit -u -D"),
    "fish": (["fish", "-N", "-i"], "source fish/sealift.fish"),
}


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, words, cwd, environment):
        self.said = b""
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.chdir(cwd)
            os.execvpe(words[0], words, environment)

    def type(self, text):
        os.write(self.file, text.encode())

    def wait_for(self, pattern):
        """The match of `pattern` in what the shell wrote since the last one."""
        end = time.monotonic() + 120
        while not (found := re.search(pattern, self.said)):
            require(time.monotonic() < end, f"the shell never wrote {pattern}: {self.said[-2000:]}")
            if select.select([self.file], [], [], 1)[0]:
                self.said += os.read(self.file, 1 << 16)
        self.said = self.said[found.end():]
        return found

    def completed(self, line):
        """`line` as a tab leaves it."""
        # To its begin, a command in front of it, to its end, and run.
        self.type(f"{line}\t\x01echo done: \x05\n")
        return self.wait_for(rb"\r\ndone: ([^\r\n]*)\r\n").group(1).decode()

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.file)


@case
def zsh_and_fish_complete_from_the_bundle(world):
    """At a terminal of zsh and of fish a tab completes commands, formats, files, platforms and images of the bundle."""
    missing = [name for name in SHELLS if not shutil.which(name)]
    if missing:
        raise Skipped(f"not installed: {missing}")
    folder = world.folder("shells")
    os.link(world.bundle, folder / "demo.sealift")
    (folder / "bin").mkdir()
    os.symlink(world.sealift, folder / "bin/sealift")
    operator = f"quay.io/{contents.OPERATOR}"
    for name, file in {"zsh": "zsh/_sealift", "fish": "fish/sealift.fish"}.items():
        (folder / name).mkdir()
        (folder / file).write_text(world.ok("--generate-completion-script", name).out)
    for name, (words, settings) in SHELLS.items():
        environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
        shell = Terminal(words, folder, environment)
        try:
            shell.type(f"{settings}\necho ready\n")
            shell.wait_for(rb"\r\nready")
            for typed, rest in [("sealift verif", "y"), ("sealift verify demo.s", "ealift"), ("sealift export demo.sealift --format docker-a", "rchive"),
                                (f"sealift export demo.sealift --platform {world.own[:-2]}", world.own[-2:]),
                                (f"sealift export demo.sealift {operator[:16]}", operator[16:]), ("sealift export demo.sealift dock", "er")]:
                equal(shell.completed(typed).rstrip(), typed + rest, f"what {name} makes of it")
        finally:
            shell.end()
