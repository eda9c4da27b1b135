"""Every answer the cloud can give, met by the operator over real HTTP: the end state of each is written here.

The rows of a group are told in one story, each with a vault of its own, so that the operator meets them side by side.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from ground.operator_process import eventually
from ground.simulator import errors
from ground.story import NO_CONCLUSION, NO_LOOKS, Story

SUBMITTED = "Submitted"
UNKNOWN = "ResolvingOutcome"
REJECTED = "Rejected"
NOTHING = "NothingToReplicate"
WAITS = ("WaitingForVault", "DestinationNotReady", "AuthenticationFailed", "PermissionDenied", "RateLimited")


@dataclass(frozen=True)
class Row:
    """One answer, and what it comes to."""

    name: str
    end: str
    fault: dict[str, Any] = field(default_factory=dict)
    taken: int = 0
    """Calls that took effect at the simulator."""
    backups: int | None = None


def service_rows() -> list[Row]:
    """Each code of the service's table with each HTTP status it was seen with, and with 400 and 500 besides."""
    ends = {
        **dict.fromkeys(["1001", "1007", "1008", "6112", "6118", "6129", "8600"], "DestinationNotReady"),
        **dict.fromkeys(["1009", "1012"], NOTHING),
        "6130": "WaitingForVault",
        "9998": "AuthenticationFailed",
    }
    rows = []
    for code, known in errors.SERVICE.items():
        for status in sorted({*known.statuses, 400, 500}):
            end = UNKNOWN if status >= 500 or code == "1006" else ends.get(code, REJECTED)
            rows.append(Row(f"s{code}-{status}", end, {"service": code, "status": status}))
    return rows


def gateway_rows() -> list[Row]:
    ends = {
        **dict.fromkeys(["0301", "0305", "0307"], "AuthenticationFailed"),
        **dict.fromkeys(["0302", "0306", "0802"], "PermissionDenied"),
        "0308": "RateLimited",
    }
    rows = []
    for code, known in errors.GATEWAY.items():
        for status in known.statuses:
            end = UNKNOWN if status >= 500 else ends.get(code, REJECTED)
            rows.append(Row(f"g{code}-{status}", end, {"gateway": code, "status": status}))
    return rows


HTML = b"<html><body>Bad Gateway</body></html>"
RAW_ROWS = [
    Row("html-401", "AuthenticationFailed", {"status": 401, "body": HTML}),
    Row("unauthorized-401", "AuthenticationFailed", {"status": 401, "json": errors.unauthorized_body()}),
    Row("empty-403", "PermissionDenied", {"status": 403, "body": b""}),
    Row("empty-407", "AuthenticationFailed", {"status": 407, "body": b""}),
    Row("empty-429", "RateLimited", {"status": 429, "body": b""}),
    Row("html-404", REJECTED, {"status": 404, "body": HTML}),
    Row("wrong-json-400", REJECTED, {"status": 400, "body": b"{"}),
    Row("long-400", REJECTED, {"status": 400, "body": b"x" * 10_000_000}),
    Row("redirect", REJECTED, {"status": 302, "body": b"", "headers": {"Location": "http://127.0.0.1:1/"}}),
    Row("empty-408", UNKNOWN, {"status": 408, "body": b""}),
    Row("html-502", UNKNOWN, {"status": 502, "body": HTML}),
    Row("empty-503", UNKNOWN, {"status": 503, "body": b""}),
    Row("html-504-taken", UNKNOWN, {"status": 504, "body": HTML, "after": True}, taken=1),
    Row("reset-before", UNKNOWN, {"reset": True}),
    Row("reset-after", UNKNOWN, {"reset": True, "after": True}, taken=1),
    Row("hang-after", UNKNOWN, {"hang": True, "after": True}, taken=1),
    Row("wrong-json", UNKNOWN, {"status": 200, "body": b'{"replication": ', "after": True}, taken=1),
    Row("empty-200", UNKNOWN, {"status": 200, "body": b"", "after": True}, taken=1),
    Row("html-200", UNKNOWN, {"status": 200, "body": HTML, "after": True}, taken=1),
    Row("other-json", UNKNOWN, {"status": 200, "json": {"backups": []}, "after": True}, taken=1),
    Row("long-200", UNKNOWN, {"status": 200, "body": b" " * 10_000_000, "after": True}, taken=1),
    Row("slow", SUBMITTED, {"dribble": 0.001}, taken=1),
    Row("unknown-keys", SUBMITTED, {"change": "unknown_keys"}, taken=1),
    Row("missing-keys", SUBMITTED, {"change": "only_backups"}, taken=1),
    Row("same-twice", SUBMITTED, {"change": "same_backup_twice"}, taken=1, backups=3),
    Row("no-record-ids", SUBMITTED, {"change": "without_record_ids"}, taken=1, backups=3),
    Row("no-backups", NOTHING, {"change": "no_backups"}, taken=1, backups=0),
    Row("many", SUBMITTED, {}, taken=1, backups=5000),
]
HALF = len(service_rows()) // 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(service_rows()[:HALF], id="service, first half"),
        pytest.param(service_rows()[HALF:], id="service, second half"),
        pytest.param(gateway_rows(), id="gateway"),
        pytest.param(RAW_ROWS, id="no codes"),
    ],
)
def test_every_answer_comes_to_its_end_with_one_call(story: Story, rows: list[Row]) -> None:
    vaults: dict[str, str] = {}
    for number, row in enumerate(rows):
        # A token of its own each: what holds one credential must not hold the others.
        story.secret(f"token-{number}")
        pair = story.pair(backups=5000 if row.name == "many" else 3)
        vaults[row.name] = pair["source"]["vaultID"]
        if row.fault:
            story.fault(vaults[row.name], **row.fault, times=None if row.end in WAITS else 1)
        story.create(row.name.lower(), **pair, tokenSecretRef={"name": f"token-{number}"})
    with story.operator(REQUEST_TIMEOUT_SECONDS="15", **NO_LOOKS, **NO_CONCLUSION):
        for row in rows:
            check(story, row, vaults[row.name])
    story.release_faults()


def check(story: Story, row: Row, vault: str) -> None:
    name = row.name.lower()
    if row.end == SUBMITTED:
        eventually(lambda: story.condition(name, "Submitted") == ("True", SUBMITTED), what=row.name)
        assert story.condition(name) == ("Unknown", "Replicating")
    else:
        story.wait_for(name, row.end)
    submission = story.submission(name)
    outcome = {UNKNOWN: "Unknown", REJECTED: "Rejected", SUBMITTED: "Submitted"}.get(row.end)
    if row.end in WAITS:
        outcome = "NotSubmitted"
        submission = eventually(lambda: waiting(story, name), what=row.name)
        assert row.end in submission["reason"]
    else:
        assert len(story.posts(vault)) == 1, row.name
    if row.end == NOTHING:
        outcome = "Submitted" if row.taken else "NotNeeded"
    assert submission["outcome"] == outcome, row.name
    assert len(story.accepted(vault)) == row.taken, row.name
    if row.backups is not None:
        assert story.get(name)["status"]["summary"]["total"] == row.backups, row.name
    assert story.message(name), row.name


def waiting(story: Story, name: str) -> Any:
    """Its submission while it waits for its next try; None while one is under way, and Pending."""
    submission = story.submission(name)
    return submission if submission.get("nextAttemptTime") else None
