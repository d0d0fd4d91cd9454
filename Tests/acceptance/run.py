#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the acceptance cases with a built binary against a real upstream.

usage: run.py SEALIFT [CASE]...      all cases unless some are named; the last line counts them
"""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import harness
import apply_cases  # noqa: F401  each module registers its cases
import store_cases  # noqa: F401
import fault_cases  # noqa: F401
import bundle_cases  # noqa: F401
import memory_cases  # noqa: F401
import network_cases  # noqa: F401
import resume_cases  # noqa: F401
import refusal_cases  # noqa: F401
import refusal_base_cases  # noqa: F401
import command_cases  # noqa: F401
import archive_cases  # noqa: F401
import delta_cases  # noqa: F401
import images_cases  # noqa: F401
import rewrite_cases  # noqa: F401
import push_cases  # noqa: F401
import serve_cases  # noqa: F401
import build_cases  # noqa: F401
import export_cases  # noqa: F401


def run(name, world):
    """Runs one case and says how it went; returns whether it held, `None` where it could not be tried."""
    start = time.monotonic()
    try:
        harness.CASES[name](world)
    except harness.Skipped as reason:
        print(f"skip  {name}: {reason}", flush=True)
        return None
    except Exception as failure:
        told = failure if isinstance(failure, harness.Failed) else traceback.format_exc()
        indented = "\n      ".join(str(told).splitlines())
        print(f"FAIL  {name}: {harness.CASES[name].__doc__.splitlines()[0]}\n      {indented}", flush=True)
        return False
    print(f"ok    {name}  {time.monotonic() - start:.1f} s", flush=True)
    return True


def main():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(__doc__)
    wanted = sys.argv[2:] or list(harness.CASES)
    unknown = [name for name in wanted if name not in harness.CASES]
    if unknown:
        sys.exit(f"no such case: {', '.join(unknown)}\nthere are: {', '.join(harness.CASES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that starts this in the background ignores Ctrl-C for it, and so would the programs under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    work = tempfile.mkdtemp(prefix="sealift-acceptance.")
    world = harness.World(sys.argv[1], work)
    try:
        world.start()
        held = [run(name, world) for name in wanted]
    finally:
        world.stop()
        shutil.rmtree(work, ignore_errors=True)
    skipped = f", {held.count(None)} skipped" if None in held else ""
    print(f"{held.count(True)} passed, {held.count(False)} failed{skipped}", flush=True)
    sys.exit(1 if False in held else 0)


if __name__ == "__main__":
    main()
