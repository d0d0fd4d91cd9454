# SPDX-License-Identifier: Apache-2.0
"""Debian packages as a source of real binaries, for this machine's architecture and for others.

Nothing is installed and no list of the system is touched: apt works in a folder of its own.
"""

import os
import subprocess
from pathlib import Path


def native():
    """The Debian name of this machine's architecture."""
    return subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()


class Debian:
    """The archive that the machine's sources name, seen through a private apt state below `work`."""

    def __init__(self, work, architectures):
        self.work = Path(work)
        for folder in ("lists/partial", "cache/archives/partial", "debs"):
            (self.work / folder).mkdir(parents=True, exist_ok=True)
        self.options = [
            "-qq",
            "-o", f"Dir::State::lists={self.work}/lists",
            "-o", f"Dir::Cache={self.work}/cache",
            # An unprivileged user cannot become _apt, and root's temporary folder is closed to it.
            "-o", "APT::Sandbox::User=",
            "-o", "Acquire::Retries=3",
        ]
        for name in architectures:
            self.options += ["-o", f"APT::Architectures::={name}"]
        self._apt("update", cwd=self.work)

    def unpack(self, packages, architecture, root):
        """Downloads `packages` and lays their files, merged, below the folder `root`.

        apt checks each download against the signed lists. Raises CalledProcessError where the
        archive does not carry a package for the architecture.
        """
        debs = self.work / "debs" / architecture
        debs.mkdir(parents=True, exist_ok=True)
        root.mkdir(parents=True, exist_ok=True)
        self._apt("download", *(f"{name}:{architecture}" for name in packages), cwd=debs)
        for deb in sorted(debs.iterdir()):
            subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
            deb.unlink()

    def _apt(self, *arguments, cwd):
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(
            ["apt-get", *self.options, *arguments], cwd=cwd, env=environment, check=True,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
