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
print(json.dumps([validator.is_valid(yaml.safe_load(spec)) for spec in given["specs"]]))
