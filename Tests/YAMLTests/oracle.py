# SPDX-License-Identifier: Apache-2.0
"""Holds edits and rewrites to PyYAML: reads cases from standard input, prints one line a disagreement."""
import json
import sys

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text):
    return list(yaml.load_all(text, LOADER))


def changed(documents, case):
    """The documents with the case's change made to the loaded values."""
    node = documents[case["document"]]
    for part in case["path"][:-1]:
        node = node[part]
    last = case["path"][-1]
    if case["kind"] == "remove":
        del node[last]
    else:
        node[last] = case["value"]
    return documents


def unlike(before, after, place):
    """The pairs of scalars in which two values differ."""
    if type(before) is type(after) and isinstance(before, dict) and before.keys() == after.keys():
        return [pair for key in before for pair in unlike(before[key], after[key], place + [key])]
    if type(before) is type(after) and isinstance(before, list) and len(before) == len(after):
        return [pair for i, (b, a) in enumerate(zip(before, after)) for pair in unlike(b, a, place + [i])]
    return [] if before == after and type(before) is type(after) else [(before, after, place)]


def led(name, registry):
    """The name that docker would pull, below another registry."""
    name = name.strip()
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if first == registry:
            return name
        domain, name = first, rest
    else:
        domain = "docker.io"
    if "/" not in name and domain == "docker.io":
        name = "library/" + name
    return registry + "/" + name


def lead(node, key, registry):
    """The value with every image rewritten to the registry, images in parts included."""
    if isinstance(node, list):
        return [lead(item, "", registry) for item in node]
    if isinstance(node, str):
        certain = key.lower().endswith("image") and (any(c in node for c in ":@") or "." in node.partition("/")[0])
        return led(node, registry) if certain and node else node
    if not isinstance(node, dict):
        return node
    result = {name: lead(value, str(name), registry) for name, value in node.items()}
    if key.lower().endswith("image") and isinstance(node.get("repository"), str):
        name = (node["registry"] + "/" if node.get("registry") else "") + node["repository"]
        path = led(name + ":t", registry)[len(registry) + 1:-2]
        if node.get("registry"):
            result |= {"registry": registry, "repository": path}
        else:
            result["repository"] = f"{registry}/{path}"
    return result


for number, case in enumerate(json.load(sys.stdin)):
    try:
        if case["kind"] == "rewrite":
            before, after = load(case["before"]), load(case["after"])
            wrong = unlike([lead(document, "", "sea.hub:5000") for document in before], after, [])
            images = [place[:-1] if place[-1] in ("registry", "repository") else place
                      for _, _, place in unlike(before, after, [])]
            count = len({str(place) for place in images})
            if wrong or count != case["count"]:
                print(f"case {number}: {count} of {case['count']} references, wrong: {wrong[:3]}")
        elif changed(load(case["before"]), case) != load(case["after"]):
            print(f"case {number}: {case['kind']} {case['path']} gives other values")
    except Exception as error:  # an error of the oracle is a disagreement too
        print(f"case {number}: {error!r}")
