"""How requests are spelt, and what is read from headers."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.cloud.wire import http_date, replicate_body, request_id, retry_after
from cbr_operator.ports import ReplicateRequest
from ground.wire import REQUEST


def test_acceleration_is_only_named_when_it_is_wanted() -> None:
    assert b"enable_acceleration" not in replicate_body(REQUEST)
    wanted = ReplicateRequest("v", "p", "r", "d", auto_trigger=True, enable_acceleration=True)
    assert json.loads(replicate_body(wanted))["replicate"]["enable_acceleration"] is True


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17.0),
        (" 17 ", 17.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 50, 86400.0),
        ("Sun, 01 Mar 2026 00:01:00 GMT", 60.0),
        ("Sat, 28 Feb 2026 00:01:00 GMT", None),
        ("Sun, 01 Mar 2099 00:01:00 GMT", 86400.0),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),  # a moment beyond the last year in UTC
        ("Mon, 01 Jan 0001 00:00:00 +2300", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=NOW) == seconds


@given(st.text())
def test_no_header_raises(value: str) -> None:
    http_date(value)
    assert len(request_id(value)) <= 128
    waited = retry_after(value, now=NOW)
    assert waited is None or 0 <= waited <= 86400
