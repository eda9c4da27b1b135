"""Which pairs of vaults a policy means in a namespace."""

import hashlib
import re
from dataclasses import dataclass

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.fields import UUID
from cbr_operator.kinds.policy import VAULT_PAIRS, PolicySpec
from cbr_operator.rules.text import clip

_ID = re.compile(UUID)


@dataclass(frozen=True, slots=True)
class Pair:
    """A vault whose backups are copied, and the one that receives the copies."""

    source: str
    destination: str

    @property
    def key(self) -> str:
        """Equal for equal pairs, however the ids are written."""
        return f"{comparable_id(self.source)}={comparable_id(self.destination)}"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits, for names."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was read: each pair once, and what is wrong with each line that is none."""

    good: tuple[Pair, ...] = ()
    bad: tuple[str, ...] = ()


def pairs_for(spec: PolicySpec, annotations: dict[str, str]) -> Pairs:
    """The pairs of the policy's targets; without any, those that the namespace's annotation names."""
    if spec.targets:
        return Pairs(_each_once([Pair(each.source_vault_id, each.destination_vault_id) for each in spec.targets]))
    return read_pairs(annotations.get(VAULT_PAIRS, ""))


def read_pairs(text: str) -> Pairs:
    """The lines ``source=destination`` of an annotation; blank lines and what follows a # are ignored."""
    good: list[Pair] = []
    bad: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        source, found, destination = (part.strip() for part in words.partition("="))
        wrong = [each for each in (source, destination) if not _ID.fullmatch(each)]
        if not found:
            bad.append(f"line {number}, {clip(words, 100)!r}, is not source=destination")
        elif wrong:
            bad.append(f"line {number}: {clip(wrong[0], 100)!r} is not the id of a vault, a UUID")
        elif comparable_id(source) == comparable_id(destination):
            bad.append(f"line {number}: source and destination are the same vault")
        else:
            good.append(Pair(source, destination))
    return Pairs(_each_once(good), tuple(bad))


def _each_once(pairs: list[Pair]) -> tuple[Pair, ...]:
    found: dict[str, Pair] = {}
    for pair in pairs:
        found.setdefault(pair.key, pair)
    return tuple(found.values())
