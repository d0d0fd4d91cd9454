#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command and tells what it used, as the kernel counts: `seconds bytes-written peak-KiB`.

usage: usage.py [--kill-at BYTES] COMMAND...     kills it as soon as it has written so many bytes
"""

import os
import sys
import time


def written(process):
    """Bytes given to write calls so far; also of a process that has ended and was not waited for."""
    with open(f"/proc/{process}/io") as io:
        return next(int(line.split()[1]) for line in io if line.startswith("wchar"))


arguments = sys.argv[1:]
limit = None
if arguments[:1] == ["--kill-at"]:
    limit, arguments = int(arguments[1]), arguments[2:]
start = time.monotonic()
quiet = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, quiet, 0), (os.POSIX_SPAWN_DUP2, quiet, 1)]
process = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions)
while limit is not None and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG):
    if written(process) >= limit:
        os.kill(process, 9)
        break
    time.sleep(0.0005)
os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
seconds, count = time.monotonic() - start, written(process)
_, status, used = os.wait4(process, 0)
print(f"{seconds:.3f} {count} {used.ru_maxrss}")
sys.exit(0 if status == 0 or limit is not None else 1)
