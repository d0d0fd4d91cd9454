#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the acceptance cases with a built binary against a real upstream.

usage: run.py SEALIFT [CASE]... [PYTEST OPTION]...

All cases run unless some are named. Options are those of pytest: -k EXPRESSION, -x, --lf, --durations 10,
--junit-xml FILE, --collect-only -q for the list of cases. The last line counts the cases."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    program, rest = str(Path(sys.argv[1]).resolve()), sys.argv[2:]
    first = next((place for place, word in enumerate(rest) if word.startswith("-")), len(rest))
    chosen = [f"--case={name}" for name in rest[:first]]
    settings = ["-p", "no:cacheprovider"] if "--lf" not in rest and "--ff" not in rest else []
    sys.exit(pytest.main([
        str(HERE), f"--rootdir={HERE}", "-o", "python_files=*_cases.py", "-v", "--tb=short",
        "--show-capture=no", *settings, f"--sealift={program}", *chosen, *rest[first:]]))


if __name__ == "__main__":
    main()
