"""Words of others, made fit for a status; their JSON, read within bounds; and words that several messages share."""

import json
from typing import Any

MOST_VALUES = 1_000_000
"""Of a body, about: more would take the memory and the time of everything else before they could be counted. What the
service sends takes more room for each value than would let so many into the longest body that is read."""
PERMISSIONS = "cbr:vaults:replicate, cbr:backups:list and cbr:backups:get"
"""What the credential's user needs in the source project; docs/kinds/cbrconnection.md has it as a policy for IAM."""


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """What the body says; None where it is no JSON, or holds more values than any answer does."""
    if sum(map(body.count, (b"{", b"[", b","))) > MOST_VALUES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def clip(text: str, length: int) -> str:
    """``text`` on one line, without control characters, at most ``length`` characters long."""
    if len(text) <= length and text.isprintable() and "  " not in text:
        return text.strip()
    printable = "".join(char if char.isprintable() else " " for char in text[: 4 * length])
    line = " ".join(printable.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def sentence(text: str) -> str:
    """``text`` with a full stop, unless it ends in one already."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def count_backups(count: int) -> str:
    """So many backups, in words."""
    return "1 backup" if count == 1 else f"{count} backups"
