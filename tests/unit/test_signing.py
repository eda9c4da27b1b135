"""Signed requests, compared with what the vendor's own SDK makes of the same request."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.cloud.signing import host_of, signed
from cbr_operator.cloud.wire import backups_url, operation_logs_url, replicate_body, replicate_url
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import AccessKey, ReplicateRequest

KEY = AccessKey(id="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime(2026, 3, 1, 12, 0, 59, 999999, tzinfo=UTC)
TARGET = Target(
    endpoint="https://cbr.region1.example.com",
    project_id="f841e01fd2b14e7fa41b6ae7aa6b0594",
    vault_id="3b5816b5-f29c-4172-9d9a-76c719a659ce",
)
HEADERS = {"Content-Type": "application/json;charset=UTF-8", "X-Project-Id": TARGET.project_id}
REQUEST = ReplicateRequest(
    vault_id=TARGET.vault_id,
    destination_project_id="p2",
    destination_region="région2",
    destination_vault_id="v2",
    auto_trigger=False,
    enable_acceleration=True,
)


def by_the_sdk(method: str, url: str, headers: dict[str, str], body: bytes, key: AccessKey = KEY) -> dict[str, Any]:
    parts = urlsplit(url)
    request = SdkRequest(
        method=method,
        schema=parts.scheme,
        host=parts.netloc,
        resource_path=parts.path,
        query_params=parse_qsl(parts.query, keep_blank_values=True),
        header_params={**headers, "X-Sdk-Date": NOW.strftime("%Y%m%dT%H%M%SZ")},
        body=body,
    )
    made: dict[str, Any] = Signer(BasicCredentials(ak=key.id, sk=key.secret)).sign(request).header_params
    return made


def same(method: str, url: str, headers: dict[str, str], body: bytes, key: AccessKey = KEY) -> bool:
    return signed(method, url, headers=headers, body=body, key=key, now=NOW) == by_the_sdk(
        method, url, headers, body, key
    )


def test_the_call_is_signed_as_the_sdk_signs_it() -> None:
    assert same("POST", replicate_url(TARGET), HEADERS, replicate_body(REQUEST))


def test_the_reads_are_signed_as_the_sdk_signs_them() -> None:
    assert same("GET", backups_url(TARGET, offset=200, limit=200), HEADERS, b"")
    assert same("GET", operation_logs_url(TARGET, since=NOW, offset=0, limit=200), HEADERS, b"")


def test_a_temporary_key_signs_its_security_token_too() -> None:
    headers = {**HEADERS, "X-Security-Token": "gQpjbi1ub3J0aC00+/="}
    assert same("GET", backups_url(TARGET, offset=0, limit=1), headers, b"")
    made = signed("GET", TARGET.endpoint, headers=headers, body=b"", key=KEY, now=NOW)
    assert "SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token," in made["Authorization"]


def test_ports_prefixes_and_odd_queries_are_signed_as_the_sdk_signs_them() -> None:
    assert same("GET", "https://cbr.example.com:8443/prefix/v3?b=2&a=%20x&a=1&empty=", HEADERS, b"")
    assert same("GET", "http://127.0.0.1:8099/", HEADERS, b"")
    assert same("PUT", "https://cbr.example.com/a~b/%E4%B8%AD", HEADERS, b"\x00\xff")


def test_the_scheme_s_own_port_is_no_part_of_the_host() -> None:
    hosts = {
        "https://cbr.example.com:443/v3": "cbr.example.com",
        "http://cbr.example.com:80": "cbr.example.com",
        "https://cbr.example.com:80": "cbr.example.com:80",
        "https://[2001:db8::1]:8443/": "[2001:db8::1]:8443",
    }
    assert {url: host_of(url) for url in hosts} == hosts


def test_the_date_is_the_moment_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=8)))
    made = signed("GET", TARGET.endpoint, headers={}, body=b"", key=KEY, now=elsewhere)
    assert made["X-Sdk-Date"] == "20260301T120059Z"


def test_neither_the_secret_nor_the_key_is_shown() -> None:
    assert KEY.id not in repr(KEY)
    assert KEY.secret not in repr(KEY)


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    segments=st.lists(st.text("abcXYZ019-_.~", min_size=1, max_size=8), max_size=4),
    query=st.dictionaries(st.text("abc_", min_size=1, max_size=5), st.text("abc019-_.~", max_size=8), max_size=4),
    body=st.binary(max_size=64),
    secret=st.text("abcXYZ019+/=", min_size=1, max_size=40),
)
def test_any_request_is_signed_as_the_sdk_signs_it(
    method: str, segments: list[str], query: dict[str, str], body: bytes, secret: str
) -> None:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"https://cbr.example.com/{'/'.join(segments)}" + (f"?{text}" if text else "")
    assert same(method, url, HEADERS, body, AccessKey(id="id", secret=secret))
