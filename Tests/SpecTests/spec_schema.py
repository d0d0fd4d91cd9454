# SPDX-License-Identifier: Apache-2.0
"""Holds specs to bundles/spec.schema.json: reads {schema, specs} as JSON from standard input, prints a JSON
list, for each spec whether the schema takes it."""
import json
import sys

import jsonschema
import yaml

given = json.load(sys.stdin)
schema = json.loads(given["schema"])
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def verdict(spec):
    """Whether the schema takes a spec; keys that are no texts are no JSON, which no editor takes."""
    try:
        return validator.is_valid(yaml.load(spec, loader))
    except (yaml.YAMLError, TypeError):
        return False


print(json.dumps([verdict(spec) for spec in given["specs"]]))
