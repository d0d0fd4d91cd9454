#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes the sources, one small change at a time, and reports the changes that no test notices.

usage: mutants.py PATH... [--tests FILTER] [--count N] [--seed N] [--list]

PATH is a Swift file or a folder below Sources. The mutants are built and tested one after another in a copy of the checkout below
the temporary folder, whose first build takes minutes; the checkout itself is not touched. FILTER is what `swift test --filter` takes; without it all unit tests run. The same seed picks the same places. A mutant that does not compile
is left out. Exits with 1 if one survived.

  Tests/house/mutants.py Sources/Apply/Receipt --tests ApplyTests --count 10
"""
import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 600  # seconds that the tests of a mutant may take: an endless loop is noticed too

# What is changed into what. A pattern matches inside one line of code.
OPERATORS = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r" \+ 1\b", ""), (r" - 1\b", ""), (r"\bmax\(", "min("), (r"\bmin\(", "max("),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\?\? .*$", ""), (r"\.first\b", ".last"), (r"\.last\b", ".first"),
    (r"\.isEmpty\b", ".isEmpty == false"), (r"if !", "if "), (r"guard !", "guard "), (r"\bO_EXCL\b", "0"),
    (r"^(\s*)try [\w.]*(?:flush|sync|verify|check|save)\w*\(.*\)$", r"\1_ = 0"), (r"^(\s*)throw .*\)$", r"\1_ = 0"),
    (r"\breturn true\b", "return false"), (r"\bcontinue\b", "break"),
]


class Mutant:
    def __init__(self, path, number, before, after):
        self.path, self.number, self.before, self.after = path, number, before, after

    def __str__(self):
        return f"{self.path.relative_to(ROOT)}:{self.number}: {self.before.strip()}  =>  {self.after.strip() or 'nothing'}"


def mutants(paths):
    for path in paths:
        for number, line in enumerate(path.read_text().split("\n"), 1):
            code = line.split("//")[0]
            if not code.strip() or line.lstrip().startswith(("import", "internal import", "package import", "public import")):
                continue
            for pattern, replacement in OPERATORS:
                for match in re.finditer(pattern, code):
                    # A change inside a string literal changes only words.
                    if code[:match.start()].count('"') % 2 == 0:
                        yield Mutant(path, number, line, line[:match.start()] + match.expand(replacement) + line[match.end():])


def swift_files(paths):
    for path in paths:
        path = path.resolve()
        yield from sorted(path.rglob("*.swift")) if path.is_dir() else [path]


class Copy:
    """The checkout in a folder of its own, where one line at a time is changed."""

    def __init__(self, folder, tests):
        self.root, self.tests = folder / ROOT.name, tests
        shutil.copytree(ROOT, self.root, symlinks=True, ignore=shutil.ignore_patterns(".build*", ".git"))

    def swift(self, *arguments):
        try:
            done = subprocess.run(["swift", *arguments], cwd=self.root, capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def build(self):
        return self.swift("build", "--build-tests")

    def test(self):
        return self.swift("test", "--skip-build", *(["--filter", self.tests] if self.tests else []))

    def try_out(self, mutant):
        """`killed`, `survived`, or `no build`."""
        path = self.root / mutant.path.relative_to(ROOT)
        text = path.read_text()
        lines = text.split("\n")
        lines[mutant.number - 1] = mutant.after
        path.write_text("\n".join(lines))
        try:
            if not self.build():
                return "no build"
            return "survived" if self.test() else "killed"
        finally:
            path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--tests", help="a filter of swift test")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the mutants that would be tried")
    arguments = parser.parse_args()
    chosen = list(mutants(swift_files(arguments.paths)))
    random.Random(arguments.seed).shuffle(chosen)
    if arguments.list:
        print("\n".join(str(mutant) for mutant in chosen[:arguments.count]))
        return 0
    counts = {"killed": 0, "survived": 0, "no build": 0}
    with tempfile.TemporaryDirectory(prefix="sealift-mutants.") as folder:
        copy = Copy(pathlib.Path(folder), arguments.tests)
        if not copy.build() or not copy.test():
            sys.exit("the sources do not build, or their tests fail before any change")
        for mutant in chosen:
            if counts["killed"] + counts["survived"] == arguments.count:
                break
            outcome = copy.try_out(mutant)
            counts[outcome] += 1
            if outcome != "no build":
                print(f"{outcome:8}  {mutant}", flush=True)
    print(f"{counts['killed']} of {counts['killed'] + counts['survived']} killed; {counts['no build']} did not compile")
    return 1 if counts["survived"] else 0


sys.exit(main())
