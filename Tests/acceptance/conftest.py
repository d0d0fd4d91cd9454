# SPDX-License-Identifier: Apache-2.0
"""How pytest runs the acceptance cases: a case is a function with @case in a *_cases.py; its argument is the world."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# Cases of one subject share helpers with those of another: each room of cases is a place to import from.
sys.path[:0] = [str(HERE), *sorted({str(path.parent) for path in HERE.rglob("*_cases.py")})]
import harness  # noqa: E402  after its folder is in the path


def pytest_addoption(parser):
    group = parser.getgroup("sealift")
    group.addoption("--sealift", help="the built program under test")
    group.addoption("--case", action="append", default=[], help="run only the case of this exact name")


def pytest_configure(config):
    program = config.getoption("--sealift")
    if not program or not os.access(program, os.X_OK):
        raise pytest.UsageError(f"--sealift names no program that can be run: {program}")
    # Options in the environment of this run are not those of the programs under test.
    for name in [name for name in os.environ if name.startswith("SEALIFT_")]:
        del os.environ[name]


def pytest_pycollect_makeitem(collector, name, obj):
    """Takes what @case registered in this very module, and nothing else."""
    ours = harness.CASES.get(name) is obj and obj.__module__ == Path(collector.path).stem
    return pytest.Function.from_parent(collector, name=name) if ours else []


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--case")
    unknown = sorted(set(wanted) - {item.name for item in items})
    if unknown:
        raise pytest.UsageError(f"no case is called {', '.join(unknown)}")
    if wanted:
        items[:] = [item for item in items if item.name in wanted]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what a failed case promises, before why it failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and item.obj.__doc__:
        report.sections.append(("promise", item.obj.__doc__.splitlines()[0]))


@pytest.fixture(scope="session")
def world(request):
    """The program under test, a temporary folder, and the upstream."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that starts this in the background ignores Ctrl-C for it, and so would the programs under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The same of nohup and SIGHUP, which ends a server under test.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    work = tempfile.mkdtemp(prefix="sealift-acceptance.")
    world = harness.World(request.config.getoption("--sealift"), work)
    try:
        world.start()
        yield world
    finally:
        world.stop()
        shutil.rmtree(work, ignore_errors=True)
