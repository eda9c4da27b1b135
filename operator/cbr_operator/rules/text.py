"""Words of others, made fit for a status; and words of ours that several messages share."""

PERMISSIONS = "cbr:vaults:replicate, cbr:backups:list and cbr:backups:get"
"""What the credential's user needs in the source project; docs/kinds/cbrconnection.md has it as a policy for IAM."""


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
