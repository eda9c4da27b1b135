"""The table of values in the chart's README, from the annotated values.yaml.

A value's words stand in the comment right above it, which begins with ``# --`` (the convention of helm-docs, which
has had no release since July 2024 and would be one more Go module to build).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

MARK = "<!-- What follows is written from values.yaml by `make manifests`. -->\n"
BEGINNING = "# -- "


@dataclass(frozen=True, slots=True)
class Value:
    """One documented value: where it is, what the chart says when nobody else does, and its words."""

    path: str
    default: object
    words: str


def values(text: str) -> Iterator[Value]:
    """Every documented value of a values.yaml, in its order."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    yield from _values(root, text.splitlines(), "")


def _values(node: yaml.MappingNode, lines: list[str], path: str) -> Iterator[Value]:
    for key, inner in node.value:
        where = f"{path}{key.value}"
        if words := _words_above(lines, key.start_mark.line):
            yield Value(where, yaml.safe_load(yaml.serialize(inner)), words)
        elif isinstance(inner, yaml.MappingNode):
            yield from _values(inner, lines, f"{where}.")


def _words_above(lines: list[str], line: int) -> str:
    """The comment right above a line, from its last ``# --`` on."""
    comment: list[str] = []
    for above in reversed(lines[:line]):
        text = above.strip()
        if not text.startswith("#"):
            return ""
        comment.insert(0, text.removeprefix(BEGINNING).removeprefix("#").strip())
        if text.startswith(BEGINNING):
            return " ".join(comment)
    return ""


def render(readme: str, text: str) -> str:
    """The README with its table written anew."""
    head, mark, _ = readme.partition(MARK)
    assert mark, "the README has no place for the table"
    rows = [f"| `{value.path}` | {_shown(value.default)} | {value.words} |" for value in values(text)]
    return "\n".join([head + MARK, "| value | default | |", "|---|---|---|", *rows]) + "\n"


def _shown(default: object) -> str:
    empty = default is None or default in ("", [], {})
    return "" if empty else f"`{json.dumps(default)}`" if not isinstance(default, str) else f"`{default}`"
