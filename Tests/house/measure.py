#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the house: what a reader of the sources meets, in figures that anybody can compare between two commits.

usage: measure.py [--check] [--list NAME] [ROOT]

Prints a table. With --list, prints the places behind a row (folders, labels, functions, files, words). With --check, exits with 1
if a row is beyond its limit; Tests/run.sh does that. Needs nothing but Python 3 and reads files only.
"""
import argparse
import pathlib
import re
import statistics
import sys

FOLDER_LIMIT = 14
FUNCTION_LIMIT = 40
FILE_LIMIT = 300
UNLABELLED_SHARE = 3.0  # per cent

DECLARATION = re.compile(r"^(\s*)(?:@\w+(?:\([^)]*\))?\s+)*(?:[a-z]+(?:\([a-z]+\))?\s+)*(func\s+[^\s(<]+|init[?!]?|subscript)\s*(?:<[^(]*>)?\(")


def swift_files(folder):
    return sorted(p for p in folder.rglob("*.swift") if ".build" not in p.parts)


def parameters(text, start):
    """The parameters of the declaration whose opening parenthesis ends just before `start`."""
    depth, current, found = 0, "", []
    for index in range(start, len(text)):
        letter = text[index]
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or letter == ">" and text[index - 1] != "-":
            if depth == 0:
                break
            depth -= 1
        elif letter == "," and depth == 0:
            found.append(current.strip())
            current = ""
            continue
        current += letter
    if current.strip():
        found.append(current.strip())
    return found


class Function:
    def __init__(self, path, line, name, unlabelled, length):
        self.path, self.line, self.name, self.unlabelled, self.length = path, line, name, unlabelled, length


def functions(path):
    text = path.read_text()
    lines = text.split("\n")
    offset = 0
    for number, line in enumerate(lines):
        match = DECLARATION.match(line)
        if match:
            found = parameters(text, offset + match.end())
            unlabelled = sum(1 for parameter in found if parameter.startswith("_ "))
            name = match.group(2).removeprefix("func ")
            operator = not re.match(r"[A-Za-z`]", name)
            yield Function(path, number + 1, name, 0 if operator else unlabelled, length(lines, number, match.group(1)))
        offset += len(line) + 1


def length(lines, start, indentation):
    """The lines of a body: swift-format puts its closing brace below the declaration; 1 for a body on one line or none."""
    if lines[start].rstrip().endswith("}"):
        return 1
    for number in range(start + 1, len(lines)):
        if re.match(rf"{indentation}}}", lines[number]):
            return number - start + 1
        if lines[number].strip() and len(lines[number]) - len(lines[number].lstrip()) < len(indentation):
            return 1
    return 1


def folders(root):
    for top in ("Sources", "Tests"):
        for folder in [root / top, *(root / top).rglob("*")]:
            if folder.is_dir() and not {".build", "Golden", "Data", "__pycache__"} & set(folder.parts):
                files = [f for f in folder.iterdir() if f.suffix in (".swift", ".py", ".md")]
                if files:
                    yield folder, len(files)


def strings(text):
    """The texts of a Swift file: string literals, line by line, without code and without comments."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("//"):
            continue
        if '"' in line:
            yield number, " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', line))


def comments(text):
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip().startswith("//"):
            yield number, line.strip().lstrip("/ ")


def descriptions(text):
    """The comments of a test and what it says it shows."""
    yield from comments(text)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip().startswith("@Test(") or line.strip().startswith("@Suite("):
            yield number, line


def word_list():
    for line in (pathlib.Path(__file__).parent / "words.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, better = line.split("\t")
            yield re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), better


def words(root):
    """Where a phrase of the list is: in documents, in texts of the program, in comments, in the words of tests."""
    patterns = list(word_list())

    def look(kind, path, lines):
        for number, line in lines:
            for pattern, better in patterns:
                for match in pattern.finditer(line):
                    yield kind, path, number, match.group(0), better

    documents = [root / "README.md", root / "bundles/README.md", *sorted((root / "Sources").rglob("*.md")),
                 *sorted((root / ".github").rglob("*.md"))]
    for path in documents:
        yield from look("documents", path, enumerate(path.read_text().split("\n"), 1))
    for path in swift_files(root / "Sources"):
        text = path.read_text()
        yield from look("messages", path, strings(text))
        yield from look("comments", path, comments(text))
    for path in swift_files(root / "Tests"):
        yield from look("tests", path, descriptions(path.read_text()))
    for path in sorted([*(root / "Tests").rglob("*.py"), *(root / "Tests").rglob("*.sh")]):
        yield from look("tests", path, ((n, l) for n, l in enumerate(path.read_text().split("\n"), 1) if re.match(r'\s*(?:"""|#)', l)))


def line_count(paths):
    return sum(path.read_text().count("\n") for path in paths)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class House:
    def __init__(self, root):
        self.root = root
        self.sources = swift_files(root / "Sources")
        self.folders = sorted(folders(root), key=lambda item: -item[1])
        self.functions = [f for path in self.sources for f in functions(path)]
        self.unlabelled = [f for f in self.functions if f.unlabelled > 1]
        self.words = list(words(root))

    def lists(self):
        place = lambda path: path.relative_to(self.root)
        return {
            "folders": [f"{count:4} {place(folder)}" for folder, count in self.folders],
            "labels": [f"{place(f.path)}:{f.line}: {f.name}, {f.unlabelled} unlabelled" for f in self.unlabelled],
            "functions": [f"{f.length:4} {place(f.path)}:{f.line}: {f.name}"
                          for f in sorted(self.functions, key=lambda f: -f.length) if f.length > FUNCTION_LIMIT],
            "files": [f"{count:4} {place(path)}" for count, path in
                      sorted(((line_count([p]), p) for p in self.sources), key=lambda item: -item[0]) if count > FILE_LIMIT],
            "words": [f"{place(path)}:{number}: {kind}: {found!r}, better {better!r}"
                      for kind, path, number, found, better in self.words],
        }

    def rows(self):
        """Name, figure, limit (None where the figure is for reading only)."""
        lengths = [f.length for f in self.functions]
        files = [line_count([p]) for p in self.sources]
        yield "files in the fullest folder", self.folders[0][1], FOLDER_LIMIT
        yield "folders", len(self.folders), None
        yield "functions", len(self.functions), None
        yield "functions with two or more unlabelled parameters, %", round(100 * len(self.unlabelled) / len(self.functions), 1), UNLABELLED_SHARE
        yield "lines of a function: median", int(statistics.median(lengths)), 8
        yield "lines of a function: 90 % are below", percentile(lengths, 0.9), 23
        yield f"functions of more than {FUNCTION_LIMIT} lines", sum(1 for n in lengths if n > FUNCTION_LIMIT), None
        yield "lines of a file: median", int(statistics.median(files)), None
        yield f"files of more than {FILE_LIMIT} lines", sum(1 for n in files if n > FILE_LIMIT), 0
        for kind in ("documents", "messages", "comments", "tests"):
            yield f"phrases of the word list in {kind}", sum(1 for w in self.words if w[0] == kind), 0
        yield "lines of README.md", line_count([self.root / "README.md"]), 160

    def ratios(self):
        for target in sorted(p for p in (self.root / "Sources").iterdir() if p.is_dir()):
            source = line_count(swift_files(target))
            if source:
                # The target of a program has a small first letter, its tests have a large one.
                tests = self.root / "Tests" / f"{target.name[0].upper()}{target.name[1:]}Tests"
                yield target.name, source, line_count(swift_files(tests)) if tests.is_dir() else 0


def main():
    parser = argparse.ArgumentParser(description="Measures the house.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a row is beyond its limit")
    parser.add_argument("--list", choices=["folders", "labels", "functions", "files", "words"], help="print the places behind a row")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    arguments = parser.parse_args()
    house = House(arguments.root)
    if arguments.list:
        print("\n".join(house.lists()[arguments.list]))
        return 0
    beyond = []
    for name, figure, limit in house.rows():
        over = limit is not None and figure > limit
        if over:
            beyond.append(name)
        print(f"{figure:>8}  {name}{'' if limit is None else f' (at most {limit})'}{'  <-- beyond' if over else ''}")
    print("\n  source   tests  ratio  target")
    for name, source, tests in house.ratios():
        print(f"{source:8}{tests:8}{tests / source:7.2f}  {name}")
    return 1 if arguments.check and beyond else 0


sys.exit(main())
