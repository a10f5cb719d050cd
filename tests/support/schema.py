# SPDX-License-Identifier: MIT-0
"""etc/eins-check.schema.json: what --json prints is held against it, and it against the man page."""
import json
import os
import re

from .eins import SOURCE
from .man import chapter

PATH = os.path.join(SOURCE, "etc", "eins-check.schema.json")


def schema():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def definition(view):
    return schema()["$defs"][view]


def validate(text):
    """Parses what --json printed: one object, as the schema has it, and nothing else. Returns it."""
    import jsonschema  # not every test that imports this folder has the package (Debian python3-jsonschema)
    document = json.loads(text)
    # Its own definition first: an error about oneOf does not tell which field is wrong.
    rules = schema()
    for rule in ({**rules["$defs"][document["view"]], "$defs": rules["$defs"]}, rules):
        jsonschema.Draft202012Validator(rule).validate(document)
    return document


def times(document):
    """Every time in it, whatever the depth."""
    if isinstance(document, dict):
        return [time for value in document.values() for time in times(value)]
    if isinstance(document, list):
        return [time for value in document for time in times(value)]
    return [document] if isinstance(document, str) and re.match(r"\d{4}-\d\d-\d\dT", document) else []


def objects(rule):
    """Every part of a schema that describes an object."""
    if isinstance(rule, list):
        return [found for part in rule for found in objects(part)]
    if not isinstance(rule, dict):
        return []
    return ([rule] if isinstance(rule.get("properties"), dict) else []) + [found for part in rule.values() for found in objects(part)]


class Fields:
    """The fields of one view as the man page shows them: path -> kind, like "agent.id" -> "string or null"."""

    def __init__(self, view):
        self._defs = schema()["$defs"]
        self.kinds = {}
        self._walk(self._defs[view], "")

    def _resolve(self, rule):
        return self._defs[rule["$ref"].rsplit("/", 1)[1]] if "$ref" in rule else rule

    def _kind(self, rule):
        rule = self._resolve(rule)
        if "anyOf" in rule:
            return " or ".join("null" if part == {"type": "null"} else self._kind(part) for part in rule["anyOf"])
        if "enum" in rule:
            return "string or null" if None in rule["enum"] else "string"
        names = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        return " or ".join(self._name(rule, name) for name in names)

    def _name(self, rule, name):
        if name == "array":
            return f"list of {self._kind(rule['items'])}s"
        return "time" if name == "string" and rule.get("format") == "date-time" else name

    def _walk(self, rule, prefix):
        for name, part in rule["properties"].items():
            self.kinds[prefix + name] = self._kind(part)
            inner = self._resolve(part)
            if "properties" in inner:
                self._walk(inner, f"{prefix}{name}.")
            elif "items" in inner and "properties" in self._resolve(inner["items"]):
                self._walk(self._resolve(inner["items"]), f"{prefix}{name}[].")


def fields_of_the_man_page(view):
    """The same, from the section JSON OUTPUT; units are left out."""
    common, *parts = re.split(r"^\.Ss Fields of --", chapter("eins-check.8", "JSON OUTPUT"), flags=re.MULTILINE)
    option = {"config": "check-config"}.get(view, view)
    own = [part for part in parts if part.startswith(option + "\n")]
    assert len(own) == 1, f"one section \"Fields of --{option}\""
    return dict(re.findall(r"^\.It Cm (\S+) Pq ([^,\n]+)", common + own[0], re.MULTILINE))
