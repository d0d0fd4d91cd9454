# SPDX-License-Identifier: Apache-2.0
"""A small `helm` over Helm's own Go SDK:
    helm template NAME CHART [--values FILE]... [--namespace NS]
    helm package CHART FOLDER
    helm index FOLDER              writes index.yaml
    helm push ARCHIVE oci://PLACE
    helm pull oci://PLACE/NAME VERSION FOLDER

Run by an interpreter that has the PyPI package helm-python-sdk. Registries are spoken to over plain HTTP."""

import sys

import helm_python


def main(arguments):
    verb, *rest = arguments or [""]
    if verb == "template":
        template(rest)
    elif verb == "package":
        print(helm_python.package(rest[0], destination=rest[1]))
    elif verb == "index":
        helm_python.repo_index_generate(rest[0])
    elif verb == "push":
        helm_python.push(rest[0], rest[1], plain_http=True)
    elif verb == "pull":
        helm_python.pull(rest[0], version=rest[1], destination=rest[2], plain_http=True)
    else:
        sys.exit(f"helm: unknown command {arguments[:1]}")


def template(arguments):
    places, values, at = [], {}, 0
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
    try:
        main(sys.argv[1:])
    except helm_python.HelmError as error:
        sys.exit(f"Error: {error}")
