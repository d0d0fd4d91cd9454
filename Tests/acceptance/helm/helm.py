# SPDX-License-Identifier: Apache-2.0
"""A small `helm` over Helm's own Go SDK: helm template NAME CHART [--values FILE]... [--namespace NS]

Run by an interpreter that has the PyPI package helm-python-sdk."""

import sys

import helm_python


def main(arguments):
    if arguments[:1] != ["template"]:
        sys.exit(f"helm: unknown command {arguments[:1]}")
    places, values, at = [], {}, 1
    while at < len(arguments):
        if arguments[at] in ("--values", "-f"):
            with open(arguments[at + 1]) as file:
                values = merged(values, helm_python.values_from_yaml(file.read()))
            at += 2
        elif arguments[at].startswith("-"):
            at += 2
        else:
            places.append(arguments[at])
            at += 1
    name, chart = places
    with helm_python.Chart.load(chart) as loaded:
        for path, text in sorted(loaded.render(values, name=name).items()):
            if text.strip() and not path.endswith("NOTES.txt"):
                print(f"---\n# Source: {path}\n{text}")


def merged(one, other):
    """Helm's own rule: mappings are merged, all else is replaced."""
    result = dict(one)
    for key, value in other.items():
        both = isinstance(result.get(key), dict) and isinstance(value, dict)
        result[key] = merged(result[key], value) if both else value
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
