"""Every row of the answer table of protocol section 3, as the pure rule sees it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import BackupState, Outcome
from cbr_operator.ports import AccessKey, Body, Credential, Facts
from cbr_operator.rules.answers import MOST_ENTRIES, Verdict, judge, without_key_id, without_token
from cbr_operator.rules.looks import judge_clock_look, verdict_of
from cbr_operator.rules.text import MOST_VALUES, clip
from ground.objects import TOKEN

BACKUPS = [{"backup_id": "b1", "replication_record_id": "r1"}, {"backup_id": "b2", "replication_record_id": "r2"}]


def facts(status: int | None, body: Any = b"", **parts: Any) -> Facts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Facts(**{"sent": True, "status": status, "body": raw, "body_state": Body.WHOLE, **parts})


def service(number: str) -> dict[str, str]:
    return {"error_code": f"BackupService.{number}", "error_msg": "words of the server"}


def verdict_on(found: Facts, *, was_unknown: bool = False) -> Verdict:
    return judge(found, token=TOKEN, was_unknown=was_unknown)


WAITS = Outcome.NOT_SUBMITTED
TERMINAL = ["1002", "1003", "1004", "1005", "1011", "1013", "6105", "6119", "6120", "6122", "6128", "6200", "9900"]
NOT_READY = ["1001", "1007", "1008", "6112", "6118", "6129", "8600"]
ROWS = [
    *[(400, service(code), Outcome.REJECTED, Reason.REJECTED) for code in TERMINAL],
    *[(404, service(code), Outcome.REJECTED, Reason.REJECTED) for code in TERMINAL],
    *[(500, service(code), Outcome.UNKNOWN, None) for code in (*TERMINAL, *NOT_READY, "6130", "1009", "9998", "9910")],
    *[(400, service(code), WAITS, Reason.DESTINATION_NOT_READY) for code in NOT_READY],
    (403, service("8600"), WAITS, Reason.DESTINATION_NOT_READY),
    (400, service("1006"), Outcome.UNKNOWN, None),
    (500, service("1006"), Outcome.UNKNOWN, None),
    (200, service("1006"), Outcome.UNKNOWN, None),
    (400, service("6130"), WAITS, Reason.WAITING_FOR_VAULT),
    (400, service("1009"), Outcome.NOT_NEEDED, Reason.NOT_NEEDED),
    (400, service("1012"), Outcome.NOT_NEEDED, Reason.NOT_NEEDED),
    (400, service("9998"), WAITS, Reason.AUTHENTICATION_FAILED),
    (400, service("4711"), Outcome.REJECTED, Reason.REJECTED),
    (401, {"error_code": "APIGW.0301", "error_msg": "expired"}, WAITS, Reason.AUTHENTICATION_FAILED),
    (401, {"error_code": "APIG.0307", "error_msg": "region"}, WAITS, Reason.AUTHENTICATION_FAILED),
    (401, {"unauthorized": {"code": "401", "message": "no"}}, WAITS, Reason.AUTHENTICATION_FAILED),
    (401, b"", WAITS, Reason.AUTHENTICATION_FAILED),
    (401, b"<html>sign in</html>", WAITS, Reason.AUTHENTICATION_FAILED),
    (407, b"", WAITS, Reason.AUTHENTICATION_FAILED),
    (403, {"error_code": "APIGW.0302", "error_msg": "denied"}, WAITS, Reason.PERMISSION_DENIED),
    (403, b"", WAITS, Reason.PERMISSION_DENIED),
    (429, {"error_code": "APIGW.0308", "error_msg": "slow"}, WAITS, Reason.RATE_LIMITED),
    (429, service("6130"), WAITS, Reason.RATE_LIMITED),
    (429, b"", WAITS, Reason.RATE_LIMITED),
    (404, {"error_code": "APIGW.0101", "error_msg": "no such API"}, Outcome.REJECTED, Reason.REJECTED),
    (400, {"error_code": "APIGW.0201", "error_msg": "backend"}, Outcome.REJECTED, Reason.REJECTED),
    (413, b"", Outcome.REJECTED, Reason.REJECTED),
    (404, b"<html>not here</html>", Outcome.REJECTED, Reason.REJECTED),
    (400, b"[1, 2", Outcome.REJECTED, Reason.REJECTED),
    (302, b"", Outcome.REJECTED, Reason.REJECTED),
    (408, b"", Outcome.UNKNOWN, None),
    (500, b"", Outcome.UNKNOWN, None),
    (502, b"<html>Bad Gateway</html>", Outcome.UNKNOWN, None),
    (504, {"error_code": "APIGW.0201", "error_msg": "time-out"}, Outcome.UNKNOWN, None),
    (599, b"", Outcome.UNKNOWN, None),
    (100, b"", Outcome.UNKNOWN, None),
    (200, b"", Outcome.UNKNOWN, None),
    (200, b"<html>maintenance</html>", Outcome.UNKNOWN, None),
    (200, b"[" * 100_000, Outcome.UNKNOWN, None),
    (200, b'{"replication": 1' + b"0" * 5000 + b"}", Outcome.UNKNOWN, None),
    (200, {}, Outcome.UNKNOWN, None),
    (200, [], Outcome.UNKNOWN, None),
    (200, {"replication": []}, Outcome.UNKNOWN, None),
    (200, {"replication": {"vault_id": "v"}}, Outcome.UNKNOWN, None),
    (200, {"replication": {"backups": {}}}, Outcome.UNKNOWN, None),
    (200, {"replication": {"backups": BACKUPS}}, Outcome.SUBMITTED, None),
    (202, {"replication": {"backups": []}}, Outcome.SUBMITTED, None),
    (200, {"replication": {"backups": BACKUPS, "new": 1}, "more": []}, Outcome.SUBMITTED, None),
]


@pytest.mark.parametrize(("status", "body", "outcome", "reason"), ROWS)
def test_an_answer_is_judged_as_the_table_says(status: int, body: Any, outcome: Outcome, reason: Reason | None) -> None:
    verdict = verdict_on(facts(status, body))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize("code", ["6130", "1009", "1012"])
def test_after_an_unknown_attempt_these_are_evidence_that_it_was_taken(code: str) -> None:
    assert verdict_on(facts(400, service(code)), was_unknown=True).outcome is Outcome.UNKNOWN


def test_what_failed_before_the_body_was_certainly_not_sent() -> None:
    verdict = verdict_on(Facts(sent=False, failure="connection refused"))
    assert (verdict.outcome, verdict.reason) == (WAITS, Reason.ENDPOINT_UNREACHABLE)
    late = verdict_on(Facts(sent=False, late=True))
    assert (late.outcome, late.reason) == (WAITS, None)


def test_what_failed_after_the_check_is_unknown() -> None:
    verdict = verdict_on(Facts(sent=True, failure="connection reset"))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "connection reset" in verdict.said


@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (200, Body.TOO_LONG, Outcome.UNKNOWN),
        (200, Body.CUT, Outcome.UNKNOWN),
        (400, Body.TOO_LONG, Outcome.REJECTED),
        (400, Body.CUT, Outcome.UNKNOWN),
        (401, Body.CUT, WAITS),
        (429, Body.TOO_LONG, WAITS),
        (500, Body.TOO_LONG, Outcome.UNKNOWN),
    ],
)
def test_answers_that_were_not_read_to_their_end(status: int, state: Body, outcome: Outcome) -> None:
    body = json.dumps({"replication": {"backups": BACKUPS}}).encode()
    assert verdict_on(facts(status, body, body_state=state)).outcome is outcome


def test_a_readable_answer_is_kept_whole() -> None:
    body = {
        "replication": {
            "backups": BACKUPS,
            "provider_id": "p",
            "source_region": "region1",
            "project_id": "x",
            "destination_region": "region2",
        }
    }
    answer = verdict_on(facts(200, body, request_id="req-1")).answer
    assert answer is not None
    assert [each.replication_record_id for each in answer.backups] == ["r1", "r2"]
    assert (answer.source.region, answer.source.provider_id, answer.destination.region) == ("region1", "p", "region2")
    assert {each.state for each in answer.backups} == {BackupState.WAITING}


def test_identical_entries_are_merged_and_entries_without_a_record_are_kept_as_unknown() -> None:
    entries = [*BACKUPS, BACKUPS[0], {"backup_id": "b3"}, {"backup_id": 7, "replication_record_id": None}, "odd"]
    answer = verdict_on(facts(200, {"replication": {"backups": entries}})).answer
    assert answer is not None
    assert [(each.backup_id, each.state) for each in answer.backups] == [
        ("b1", "Waiting"),
        ("b2", "Waiting"),
        ("b3", "Unknown"),
        ("7", "Unknown"),
        ("", "Unknown"),
    ]


def test_the_same_backup_with_two_records_is_two_entries() -> None:
    entries = [BACKUPS[0], {**BACKUPS[0], "replication_record_id": "r9"}]
    answer = verdict_on(facts(200, {"replication": {"backups": entries}})).answer
    assert answer is not None
    assert len(answer.backups) == 2


def test_a_token_that_a_server_echoes_is_blotted_out() -> None:
    for found in (
        facts(400, {"error_code": "x", "error_msg": f"bad token {TOKEN}!"}, request_id=TOKEN),
        facts(502, f"<html>{TOKEN}</html>".encode()),
        Facts(sent=True, failure=f"boom {TOKEN}"),
        facts(200, {"replication": {"backups": [{"backup_id": TOKEN, "replication_record_id": TOKEN}]}}),
    ):
        assert TOKEN not in repr(verdict_on(found))


def test_a_server_is_quoted_on_one_line_and_in_at_most_512_characters() -> None:
    said = verdict_on(facts(400, {"error_code": "a.b", "error_msg": "x\n" * 5000})).said
    assert "\n" not in said
    assert len(said) < 600


def spelt(text: str) -> str:
    """Every letter as JSON may also spell it."""
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[each]:02x}{units[each + 1]:02X}" for each in range(0, len(units), 2))


@pytest.mark.parametrize("secret", ["tok/en+1==", 'pass"wo\\rd', "Pä\U0001f512"])
def test_a_token_is_blotted_out_however_it_is_spelt(secret: str) -> None:
    for told in (
        json.dumps({"error_msg": f"no, {secret}!"}).encode(),
        json.dumps({"error_msg": f"no, {secret}!"}, ensure_ascii=False).encode(),
        json.dumps({"error_msg": f"no, {secret}!"}, ensure_ascii=False).replace("/", "\\/").encode(),
        f'{{"error_msg": "no, {spelt(secret)}!"}}'.encode(),
        json.dumps({"error_msg": f"no, {secret}!"}, ensure_ascii=False).encode("utf-16"),
    ):
        found = json.loads(without_token(secret, facts(400, told)).body)
        assert found == {"error_msg": "no, [token]!"}


def test_what_holds_no_token_is_left_as_it_came() -> None:
    for raw in (b'{"a" : "\\u0041\\ud800"}', b"\\ no JSON \x00", b"[" * 100_000 + b"\\"):
        assert without_token(TOKEN, facts(200, raw)).body == raw


def test_the_id_of_an_access_key_is_blotted_out() -> None:
    told = facts(401, {"error_msg": "Access=AK7, verify failed"})
    key = Credential("o", "1", "", access_key=AccessKey("AK7", "SK"))
    assert b"AK7" not in without_key_id(key, told).body
    assert without_key_id(Credential("o", "1", TOKEN), told) is told


@given(st.binary(max_size=300), st.integers(100, 599), st.sampled_from(Body), st.booleans())
def test_nothing_that_a_server_says_raises(body: bytes, status: int, state: Body, was_unknown: bool) -> None:  # noqa: FBT001
    verdict = judge(facts(status, body, body_state=state), token=TOKEN, was_unknown=was_unknown)
    assert status < 500 or verdict.outcome is Outcome.UNKNOWN


@given(st.text(), st.integers(1, 600))
def test_clipped_text_is_printable_and_short(text: str, length: int) -> None:
    clipped = clip(text, length)
    assert len(clipped) <= length
    assert clipped.isprintable()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (facts(200, {"count": 0}), None),
        (facts(400, b""), None),
        (facts(404, b""), None),
        (facts(401, b""), Reason.AUTHENTICATION_FAILED),
        (facts(403, b""), Reason.PERMISSION_DENIED),
        (facts(429, b""), Reason.RATE_LIMITED),
        (facts(503, b""), Reason.ENDPOINT_UNREACHABLE),
        (Facts(sent=False, failure="connection refused"), Reason.ENDPOINT_UNREACHABLE),
    ],
)
def test_a_look_at_the_clock_only_fails_on_what_the_call_would_meet_too(found: Facts, reason: Reason | None) -> None:
    failure = judge_clock_look(found, token=TOKEN)
    assert (failure.reason if failure else None) is reason
    assert failure is None or verdict_of(failure).outcome is WAITS


def test_of_an_answer_without_bounds_the_first_ids_are_kept_and_the_rest_is_counted() -> None:
    listed = [{"backup_id": f"b{each}", "replication_record_id": f"r{each}"} for each in range(MOST_ENTRIES)]
    verdict = verdict_on(facts(200, {"replication": {"backups": [*listed, *[0] * 1000]}}))
    assert verdict.outcome is Outcome.SUBMITTED
    assert verdict.answer is not None
    assert (len(verdict.answer.backups), verdict.answer.omitted) == (MOST_ENTRIES, 1000)
    assert verdict.answer.backups[-1].backup_id == f"b{MOST_ENTRIES - 1}"


def test_an_answer_of_values_without_end_holds_no_ids_and_is_like_one_that_is_too_long() -> None:
    body = b'{"replication":{"backups":[' + b"0," * MOST_VALUES + b"0]}}"
    assert verdict_on(facts(200, body)).outcome is Outcome.UNKNOWN
