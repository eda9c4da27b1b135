"""Whether requests came within their number a second, and whether the vaults took turns; from what the cloud saw."""

from collections import defaultdict
from collections.abc import Sequence

from ground.simulator.calls import Call


def rate(moments: Sequence[float]) -> float:
    """Requests a second on the whole."""
    return (len(moments) - 1) / max(1e-9, max(moments) - min(moments))


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most in any second, as they arrived."""
    ordered = sorted(moments)
    return max(sum(start <= each < start + 1 for each in ordered[index:]) for index, start in enumerate(ordered))


def by_vault(calls: Sequence[Call]) -> dict[str, list[float]]:
    """When each vault was called, in order."""
    moments: defaultdict[str, list[float]] = defaultdict(list)
    for call in sorted(calls, key=lambda each: each.came):
        moments[call.vault_id].append(call.came)
    return dict(moments)
