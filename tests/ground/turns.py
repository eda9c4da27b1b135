"""Whether requests came within their number a second, and whether the vaults took turns; from what the cloud saw."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from ground.simulator.calls import Call

READY_SECONDS = 1.0
"""After its last call a vault is taken to wait for its next one: by then the answer is written, and the next is up."""


def rate(moments: Sequence[float]) -> float:
    """Requests a second on the whole."""
    return (len(moments) - 1) / max(1e-9, max(moments) - min(moments))


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most in any second, as they arrived."""
    ordered = sorted(moments)
    return max(sum(start <= each < start + 1 for each in ordered[index:]) for index, start in enumerate(ordered))


def served_before_others(calls: Sequence[Call]) -> list[tuple[str, str]]:
    """Pairs of vaults of which the first was called twice in a row while the second waited for a call all that time."""
    by_vault: defaultdict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda each: each.came):
        by_vault[call.vault_id].append(call)
    unfair = []
    for vault, own in by_vault.items():
        for first, second in pairwise(own):
            for other, theirs in by_vault.items():
                before = [each for each in theirs if each.came < first.came]
                after = [each for each in theirs if each.came > second.came]
                between = len(theirs) - len(before) - len(after)
                waited = before and (before[-1].went or before[-1].came) + READY_SECONDS < first.came
                if other != vault and after and waited and not between:
                    unfair.append((vault, other))
    return unfair
