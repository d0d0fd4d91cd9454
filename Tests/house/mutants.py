#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes the sources in small ways, one at a time, and reports the changes that no test notices.

usage: mutants.py PATH... [--tests FILTER] [--count N] [--seed N] [--list] [--in-place]

PATH is a Swift file or a folder below Sources. All changes are built at once, each behind a switch that a variable sets, so that one
build serves all of them, and each then costs one run of the tests. A change that does not compile is left out. This happens in a copy of
the checkout below the temporary folder, whose first build takes minutes; with --in-place in the checkout itself, whose build is used and
whose sources are put back at the end. FILTER is what `swift test --filter` takes; without it all unit tests run. The same seed picks the
same places. Exits with 1 if a change survived.

  Tests/house/mutants.py Sources/Apply/Receipt --tests ApplyTests --count 10
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 600  # seconds that the tests of a mutant may take: an endless loop is noticed too
MOST_BUILDS = 12  # until all that is left compiles
SWITCH = "TEST_MUTANT"
# The number of a mutant as it is in the name of an operator.
DIGITS = "⊕⊖⊗⊘⊙⊚⊛⊜⊝⊞"

COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
JOINED = {"&&": "||", "||": "&&"}
# What is looked for inside one line of code, what it becomes, and what the change is called. NUMBER is that of the mutant and
# MARK the same in an operator's name.
OPERATORS = (
    [(rf" {re.escape(a)} ", f" {a}MARK ", b) for a, b in (COMPARED | JOINED).items()]
    + [(r" ([+-]) 1\b", r" \1MARK 1", "nothing")]
    + [(r"(?<=[ (])!(?=[\w(])", "!MARK", "nothing")]
    + [(rf"(?<![.\w]){a}\(", f"mutant{a.capitalize()}(NUMBER, ", b) for a, b in [("max", "min"), ("min", "max")]]
    + [(rf"(?<![.\w]){a}\b(?!:)", f"{a}.mutant(NUMBER)", b) for a, b in [("true", "false"), ("false", "true")]]
    + [(r"\.isEmpty\b", ".isEmpty.mutant(NUMBER)", "its contrary")]
    + [(rf"\.{a}\b(?![ ]*[({{])", f".mutant{a.capitalize()}(NUMBER)", b) for a, b in [("first", "last"), ("last", "first")]]
    + [(r"\bO_EXCL\b", "mutantZero(NUMBER, O_EXCL)", "0")]
    + [(r"^(\s*)(try [\w.]*(?:flush|sync|verify|check|save)\w*\(.*\)|throw .*\))$", r"\1if !isMutant(NUMBER) { \2 }", "nothing")]
    + [(r"^(\s*)continue$", r"\1if isMutant(NUMBER) { break } else { continue }", "break")]
)

HELPERS = """
internal import Glibc
private let chosen = getenv("SWITCH").flatMap { Int(String(cString: $0)) } ?? -1
package func isMutant(_ number: Int) -> Bool { number == chosen }
package func mutantMax<T: Comparable>(_ number: Int, _ a: T, _ b: T) -> T { isMutant(number) ? min(a, b) : max(a, b) }
package func mutantMin<T: Comparable>(_ number: Int, _ a: T, _ b: T) -> T { isMutant(number) ? max(a, b) : min(a, b) }
package func mutantZero<T: BinaryInteger>(_ number: Int, _ a: T) -> T { isMutant(number) ? 0 : a }
extension Bool { package func mutant(_ number: Int) -> Bool { self != isMutant(number) } }
extension BidirectionalCollection {
    package func mutantFirst(_ number: Int) -> Element? { isMutant(number) ? last : first }
    package func mutantLast(_ number: Int) -> Element? { isMutant(number) ? first : last }
}
""".replace("SWITCH", SWITCH)


def mark(number):
    return "".join(DIGITS[int(digit)] for digit in str(number))


def operator(number, sign):
    """The declaration of the operator that replaces `sign` in a mutant."""
    name = sign + mark(number)
    head = f"package func {name}"
    if sign in COMPARED:
        kind, other = ("Equatable" if sign in ("==", "!=") else "Comparable"), COMPARED[sign]
        body = f"(a: T, b: T) -> Bool {{ isMutant({number}) ? a {other} b : a {sign} b }}\n"
        lines = f"infix operator {name}: ComparisonPrecedence\n{head}<T: {kind}>{body}"
        if kind == "Equatable":
            # What is not equatable can be compared with nothing all the same.
            lines += (f"{head}<T>(a: T?, b: _OptionalNilComparisonType) -> Bool "
                      f"{{ isMutant({number}) ? a {other} b : a {sign} b }}\n")
        return lines
    if sign in JOINED:
        kind = "LogicalConjunctionPrecedence" if sign == "&&" else "LogicalDisjunctionPrecedence"
        return (f"infix operator {name}: {kind}\n{head}<E: Error>(a: Bool, b: @autoclosure () throws(E) -> Bool) throws(E) -> Bool {{\n"
                f"    let swapped = isMutant({number})\n    if {'a != swapped' if sign == '&&' else 'a == swapped'} {{ return try b() }}\n"
                f"    return a\n}}\n")
    if sign == "!":
        return f"prefix operator {name}\npackage prefix func {name}(a: Bool) -> Bool {{ isMutant({number}) ? a : !a }}\n"
    return (f"infix operator {name}: AdditionPrecedence\n"
            f"{head}<T: AdditiveArithmetic>(a: T, b: T) -> T {{ isMutant({number}) ? a : a {sign} b }}\n")


class Mutant:
    def __init__(self, path, number, before, span, replacement, meant):
        self.path, self.number, self.before, self.span = path, number, before, span
        self.replacement, self.meant = replacement, meant

    def __str__(self):
        start, end = self.span
        found = self.before[start:end].strip()
        return f"{self.path.relative_to(ROOT)}:{self.number}: {self.before.strip()}   [{found} -> {self.meant}]"

    def text(self, identity):
        return self.replacement.replace("NUMBER", str(identity)).replace("MARK", mark(identity))

    @property
    def sign(self):
        """The operator that this needs a declaration of; `None` where it needs none."""
        found = re.search(r"(\S+?)MARK", self.replacement)
        return found.group(1) if found else None


def mutants(paths):
    for path in paths:
        is_text = False
        for number, line in enumerate(path.read_text().split("\n"), 1):
            was_text, is_text = is_text, is_text != (line.count('"""') % 2 == 1)
            code = re.split(r"(?<!:)//", line)[0].rstrip()
            if was_text or not code.strip() or re.match(r"\s*((package|public|internal) )?(import|case .*:$)", line):
                continue
            for pattern, replacement, meant in OPERATORS:
                for match in re.finditer(pattern, code):
                    # A change inside a string literal changes only words.
                    if code[:match.start()].count('"') % 2 == 0:
                        yield Mutant(path, number, line, match.span(), match.expand(replacement), meant)


def swift_files(paths):
    for path in paths:
        path = path.resolve()
        yield from sorted(path.rglob("*.swift")) if path.is_dir() else [path]


class Checkout:
    """Sources that hold many mutants at once."""

    def __init__(self, root, tests):
        self.root, self.tests, self.kept = root, tests, {}
        self.helpers = root / "Sources/OCI/Mutants.swift"

    def swift(self, *arguments, switch=None):
        """Whether it succeeds, and what it says."""
        environment = dict(os.environ) if switch is None else {**os.environ, SWITCH: str(switch)}
        process = subprocess.Popen(["swift", *arguments], cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, env=environment, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=None if arguments[0] == "build" else TIMEOUT)
        except subprocess.TimeoutExpired:
            # The tests are a child of their own.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False, "it took too long"
        return process.returncode == 0, output

    def write(self, chosen):
        """Puts the mutants of `chosen`, by their numbers, into the sources."""
        self.restore()
        by_line, declared = {}, []
        for identity, mutant in chosen.items():
            by_line.setdefault((mutant.path, mutant.number), []).append((identity, mutant))
            if mutant.sign:
                declared.append(operator(identity, mutant.sign))
        changed = {}
        for (path, number), entries in by_line.items():
            place = self.root / path.relative_to(ROOT)
            if place not in changed:
                self.kept[place] = place.read_text()
                changed[place] = self.kept[place].split("\n")
            line = changed[place][number - 1]
            for identity, mutant in sorted(entries, key=lambda entry: -entry[1].span[0]):
                start, end = mutant.span
                line = line[:start] + mutant.text(identity) + line[end:]
            changed[place][number - 1] = line
        for place, lines in changed.items():
            text = "\n".join(lines)
            # The switches are there; lines keep their numbers.
            if "/Sources/OCI/" not in str(place) and not re.search(r"^(internal |package |public )?import OCI$", text, re.M):
                text = re.sub(r"^(// SPDX[^\n]*)\n", r"\1;internal import OCI\n".replace(";", "\n"), text, count=1)
            place.write_text(text)
        self.helpers.write_text(HELPERS + "".join(declared))

    def restore(self):
        for place, text in self.kept.items():
            place.write_text(text)
        self.kept = {}
        self.helpers.unlink(missing_ok=True)

    def build(self, chosen):
        """Builds with as many of `chosen` as compile, and returns these."""
        for _ in range(MOST_BUILDS):
            self.write(chosen)
            is_built, output = self.swift("build", "--build-tests")
            if is_built:
                return chosen
            wrong = {(self.root / path, int(line)) for path, line in re.findall(r"^(\S+\.swift):(\d+):\d+: error:", output, re.M)}
            left = {identity: mutant for identity, mutant in chosen.items() if not self.is_near(mutant, wrong, 0)}
            if len(left) == len(chosen):  # Long expressions are complained of where they begin.
                left = {identity: mutant for identity, mutant in chosen.items() if not self.is_near(mutant, wrong, 20)}
            if len(left) == len(chosen):
                sys.exit("the sources do not build:\n" + output[-3000:])
            chosen = left
        sys.exit("the mutants do not build")

    def is_near(self, mutant, wrong, distance):
        place = self.root / mutant.path.relative_to(ROOT)
        return any(place == path and abs(mutant.number + 1 - line) <= distance + 1 for path, line in wrong)

    def test(self, switch=None):
        return self.swift("test", "--skip-build", *(["--filter", self.tests] if self.tests else []), switch=switch)


def survey(checkout, found, count):
    """Tries `count` of `found`; the number of those that survived."""
    # Some will not compile.
    chosen = checkout.build(dict(enumerate(found[:count + count // 2 + 2])))
    passed, output = checkout.test()
    if not passed:
        sys.exit("the tests fail before any change:\n" + output[-3000:])
    tried = list(chosen.items())[:count]
    survived = 0
    for identity, mutant in tried:
        passed, _ = checkout.test(identity)
        survived += passed
        print("survived" if passed else "killed  ", mutant, flush=True)
    print(f"{len(tried) - survived} of {len(tried)} killed")
    return survived


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--tests", help="a filter of swift test")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the mutants that would be tried")
    parser.add_argument("--in-place", action="store_true", help="work in the checkout itself, and put its sources back")
    arguments = parser.parse_args()
    found = list(mutants(swift_files(arguments.paths)))
    random.Random(arguments.seed).shuffle(found)
    if arguments.list:
        print("\n".join(str(mutant) for mutant in found[:arguments.count]))
        return 0
    # Ends by an exception, so that all is put back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="sealift-mutants.") as folder:
        root = ROOT
        if not arguments.in_place:
            root = pathlib.Path(folder) / ROOT.name
            shutil.copytree(ROOT, root, symlinks=True, ignore=shutil.ignore_patterns(".build*", ".git"))
        checkout = Checkout(root, arguments.tests)
        try:
            return 1 if survey(checkout, found, arguments.count) else 0
        finally:
            checkout.restore()


sys.exit(main())
