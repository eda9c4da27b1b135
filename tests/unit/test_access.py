"""Endpoints: what is one, which are allowed, which are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.ports import Credential, SecretData
from cbr_operator.rules.access import comparable_endpoint, endpoint_of_region, is_allowed, parse_pattern, problem_with
from cbr_operator.rules.secrets import credential_of
from cbr_operator.rules.view import SecretProblem

DEFAULTS = tuple(map(parse_pattern, ["https://cbr.*.myhuaweicloud.com", "https://cbr.*.otc.t-systems.com"]))


@pytest.mark.parametrize(
    ("pattern", "url", "allowed"),
    [
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.eu-west-0.myhuaweicloud.com", True),
        ("https://cbr.*.myhuaweicloud.com", "https://CBR.EU.myhuaweicloud.com./", True),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.a.b.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "http://cbr.x.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.x.myhuaweicloud.com:444", False),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.x.myhuaweicloud.com:443", True),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.x.myhuaweicloud.com.evil.example", False),
        ("https://cbr.*.myhuaweicloud.com", "https://cbr.x.myhuaweicloud.com@evil.example", False),
        ("https://cbr.*.myhuaweicloud.com", "https://evil.example/#cbr.x.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "https://evil.example?cbr.x.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "https://evil.example\\.cbr.x.myhuaweicloud.com", False),
        ("https://cbr.*.myhuaweicloud.com", "https://user:pw@cbr.x.myhuaweicloud.com", False),
        ("http://127.0.0.1:*", "http://127.0.0.1:8099", True),
        ("http://127.0.0.1:*", "http://127.0.0.2:8099", False),
        ("http://127.0.0.1:*", "https://127.0.0.1:8099", False),
        ("https://[::1]:8443", "https://[::1]:8443", True),
        ("https://cbr.example.com:8443", "https://cbr.example.com:8443/prefix", True),
        ("https://cbr.example.com", "https://cbr.example.com:99999", False),
        ("https://cbr.example.com", "ftp://cbr.example.com", False),
        ("https://cbr.example.com", "https://", False),
        ("https://cbr.example.com", "nonsense", False),
    ],
)
def test_patterns_are_compared_parsed(pattern: str, url: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_allowed(url, (parse_pattern(pattern),)) is allowed


@pytest.mark.parametrize(
    "text", ["", "cbr.example.com", "ftp://x", "https://", "https://a/b", "https://a?b", "https://u@h"]
)
def test_what_is_no_pattern_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(ValueError, match="https://host"):
        parse_pattern(text)


def test_a_pattern_reads_as_it_was_written() -> None:
    for text in ("https://cbr.*.myhuaweicloud.com", "http://127.0.0.1:*"):
        assert str(parse_pattern(text)) == text


@pytest.mark.parametrize("region", ["cn-north-4", "eu-de", "eu-nl", "ap-southeast-1"])
def test_a_region_implies_an_allowed_endpoint(region: str) -> None:
    assert is_allowed(endpoint_of_region(region), DEFAULTS)


def test_a_region_with_dots_cannot_lead_elsewhere() -> None:
    assert not is_allowed(endpoint_of_region("x.evil.example"), DEFAULTS)


@given(st.text(max_size=60))
def test_no_url_raises(url: str) -> None:
    assert is_allowed(url, DEFAULTS) <= (problem_with(url) == "")
    comparable_endpoint(url)


def secret(value: bytes, key: str = "token") -> SecretData:
    return SecretData("9", {key: value})


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (None, "does not exist"),
        (SecretData("9", {}), "no key 'token'"),
        (secret(b"x", "other"), "no key 'token'"),
        (secret(b""), "is empty"),
        (secret(b" \n"), "is empty"),
        (secret(b"two\nlines"), "line break"),
        (secret(b"two\r\nX-Evil: 1"), "line break"),
        (secret(b"two words"), "blank"),
        (secret("tökén".encode()), "another character"),
        (secret(b"\x00"), "another character"),
    ],
)
def test_what_is_no_token_names_the_secret_and_the_key(found: SecretData | None, part: str) -> None:
    problem = credential_of(found, namespace="dr", name="cbr-token", key="token")
    assert isinstance(problem, SecretProblem)
    for word in ("'cbr-token'", "'dr'", "'token'", part):
        assert word in problem.message
    assert "Evil" not in problem.message


def test_white_space_around_a_token_is_stripped() -> None:
    found = credential_of(secret(b"  MIIabc==\r\n"), namespace="dr", name="n", key="token")
    assert isinstance(found, Credential)
    assert (found.token, found.version) == ("MIIabc==", "9")
    assert "MIIabc" not in repr(found)
