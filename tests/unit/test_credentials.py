"""From a connection and its Secret to a credential, to a login, and to what its status says."""

from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.kinds.connection import Connection
from cbr_operator.kinds.connection_status import ConnectionStatus
from cbr_operator.kinds.reasons import ALLOWED, ConditionType, Reason
from cbr_operator.ports import Body, Credential, Facts, LoginFacts, LoginRequest, Route, SecretData
from cbr_operator.rules.connection_status import check_again, status_of, was_refused
from cbr_operator.rules.credentials import (
    NotReady,
    Place,
    Usable,
    as_problem,
    ca_of,
    ca_place,
    key_credential,
    login_of,
    secret_place,
    token_credential,
    version_of,
)
from cbr_operator.rules.logins import LoginFailure, Token, judge_login
from ground.connections import ACCESS_KEY, TOKEN, cluster_connection, connection
from ground.objects import NOW

PLACE = Place("Secret", "dr", "cbr")
ROUTE = Route("uid-of-prod")


def secret(**data: bytes) -> SecretData:
    return SecretData("7", data)


def token(found: SecretData | None) -> Usable | NotReady:
    return token_credential(connection(auth=TOKEN), "token", found, place=PLACE, route=ROUTE, now=NOW)


def key(found: SecretData | None) -> Usable | NotReady:
    return key_credential(connection(auth=ACCESS_KEY), found, place=PLACE, route=ROUTE)


def login(found: SecretData | None) -> LoginRequest | NotReady:
    spec = connection().spec
    assert spec is not None
    return login_of(spec, found, place=PLACE, route=ROUTE, project_id="p")


def test_a_token_is_read_with_its_end() -> None:
    found = token(secret(token=b"tok-1\n", expiresAt=b"2026-03-01T14:00:01Z\n"))
    assert isinstance(found, Usable)
    assert (found.credential.token, found.credential.version) == ("tok-1", "7/1")
    assert found.credential.owner == "connection uid-of-prod"
    assert found.expires_at == NOW + timedelta(hours=2, seconds=1)
    assert "tok-1" not in repr(found)


def test_a_token_that_has_ended_is_not_used() -> None:
    found = token(secret(token=b"tok-1", expiresAt=b"2026-03-01T14:00:00+02:00"))
    assert isinstance(found, NotReady)
    assert (found.reason, found.for_a_person) == (Reason.EXPIRED, True)


@pytest.mark.parametrize("written", [b"tomorrow", b"", b"\xff", b"99999-01-01T00:00:00Z", b"9999-12-31T23:59:59-23:00"])
def test_an_end_that_is_no_time_is_told_and_not_looked_at(written: bytes) -> None:
    found = token(secret(token=b"tok-1", expiresAt=written))
    assert isinstance(found, Usable)
    assert found.expires_at is None
    assert "'expiresAt'" in found.note


UNUSABLE: list[tuple[Any, dict[str, bytes], str]] = [
    (token, {}, "has no key 'token'"),
    (token, {"token": b""}, "is empty"),
    (token, {"token": b"tok\r\nX-Evil: 1"}, "line break"),
    (token, {"token": b"two words"}, "line break"),
    (token, {"token": b"\xff"}, "no text in UTF-8"),
    (token, {"token": b"x" * 65537}, "another character"),
    (key, {"accessKey": b"AK"}, "has no key 'secretKey'"),
    (key, {"secretKey": b"SK"}, "has no key 'accessKey'"),
    (key, {"accessKey": b"AK, Signature=x", "secretKey": b"SK"}, "line break"),
    (key, {"accessKey": b"AK", "secretKey": b"SK", "securityToken": b"a\nb"}, "securityToken"),
    (login, {}, "has no key 'password'"),
    (login, {"password": b"\n"}, "is empty"),
]


@pytest.mark.parametrize(("read", "data", "part"), UNUSABLE)
def test_what_cannot_be_used_names_the_secret_and_the_key(read: Any, data: dict[str, bytes], part: str) -> None:
    found = read(secret(**data))
    assert isinstance(found, NotReady)
    assert found.reason is Reason.SECRET_NOT_FOUND
    assert "Secret 'cbr' in namespace 'dr'" in found.message
    assert part in found.message
    assert "Evil" not in found.message
    missing = read(None)
    assert isinstance(missing, NotReady)
    assert "does not exist" in missing.message


def test_an_access_key_and_a_temporary_one() -> None:
    found = key(secret(accessKey=b"AK\n", secretKey=b"SK"))
    assert isinstance(found, Usable)
    assert found.credential.access_key is not None
    assert (found.credential.access_key.id, found.credential.token) == ("AK", "")
    found = key(secret(accessKey=b"AK", secretKey=b"SK", securityToken=b"ST"))
    assert isinstance(found, Usable)
    assert found.credential.token == "ST"
    assert "SK" not in repr(found)


def test_a_password_may_hold_blanks_and_any_letter_and_loses_only_line_ends() -> None:
    found = login(secret(password=" pä ss \r\n".encode()))
    assert isinstance(found, LoginRequest)
    assert found.password == " pä ss "
    assert found.endpoint == "https://iam.region1.myhuaweicloud.com"


def test_a_cluster_connection_reads_from_the_operator_s_namespace_alone() -> None:
    bundle = {"configMapRef": {"name": "ca"}}
    for made, namespace in ((connection(caBundle=bundle), "dr"), (cluster_connection(caBundle=bundle), "operator")):
        assert made.spec is not None
        assert secret_place(made, made.spec, operator_namespace="operator") == Place("Secret", namespace, "cbr")
        assert ca_place(made, made.spec, operator_namespace="operator") == (
            Place("ConfigMap", namespace, "ca"),
            "ca.crt",
        )


def test_certificates_must_be_some() -> None:
    place = Place("ConfigMap", "dr", "ca")
    assert ca_of(SecretData("1", {"ca.crt": b"-----BEGIN CERTIFICATE-----\n"}), place, "ca.crt")
    found = ca_of(SecretData("1", {"ca.crt": b"no"}), place, "ca.crt")
    assert isinstance(found, NotReady)
    assert found.reason is Reason.CA_BUNDLE_NOT_FOUND


def test_a_version_changes_with_the_secret_and_with_the_spec() -> None:
    changed = connection(metadata={"generation": 2})
    versions = [
        version_of(connection(), secret()),
        version_of(changed, secret()),
        version_of(changed, SecretData("8", {})),
    ]
    assert len(set(versions)) == 3


def test_tenants_read_of_a_cluster_connection_only_that_it_is_not_ready() -> None:
    found = NotReady(Reason.SECRET_NOT_FOUND, "Secret 'cbr' in namespace 'operator' does not exist.")
    assert "operator" not in as_problem(cluster_connection(), found).message
    assert "SecretNotFound" in as_problem(cluster_connection(), found).message
    assert "Secret 'cbr'" in as_problem(connection(), found).message


# ------------------------------------------------------------------------------------------------------ logins

REQUEST = LoginRequest("https://iam.example.com", "acme", "dr", "the-password", "p")


def answered(status: int | None, body: bytes = b"{}", given: str = "") -> Token | LoginFailure:
    facts = Facts(sent=False, status=status, body=body, body_state=Body.WHOLE, failure="" if status else "refused")
    return judge_login(LoginFacts(facts, given), REQUEST, now=NOW)


def test_a_token_s_life_is_counted_by_iam_s_own_times() -> None:
    body = b'{"token": {"issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2026-01-02T00:00:00.000000Z"}}'
    found = answered(201, body, "tok")
    assert isinstance(found, Token)
    assert (found.life, found.expires_at) == (86400, NOW + timedelta(days=1))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 1}', b'{"token": {"expires_at": "soon"}}', b"[" * 10000])
def test_a_token_without_a_known_end_is_good_for_an_hour(body: bytes) -> None:
    found = answered(201, body, "tok")
    assert isinstance(found, Token)
    assert found.life == 3600


def test_a_token_that_ends_at_once_is_none() -> None:
    body = b'{"token": {"issued_at": "2026-01-01T00:00:00Z", "expires_at": "2025-01-01T00:00:00Z"}}'
    assert isinstance(answered(201, body, "tok"), LoginFailure)


@pytest.mark.parametrize(
    ("status", "refused"),
    [(400, True), (401, True), (403, True), (307, True), (429, False), (503, False), (None, False)],
)
def test_what_may_lock_a_user_backs_off_for_minutes(status: int | None, *, refused: bool) -> None:
    found = answered(status, b'{"error": {"code": 401, "message": "the-password is wrong"}}')
    assert isinstance(found, LoginFailure)
    assert found.refused is refused
    assert found.pause(1) == (300 if refused else 10)
    assert found.pause(100) == (3600 if refused else 300)
    assert "the-password" not in found.said


# ------------------------------------------------------------------------------------------------------ the status

USABLE = Usable(Credential("o", "7/1", "tok"))


def told(found: Usable | NotReady, *, of: Connection | None = None, refused: bool = False) -> ConnectionStatus:
    status = status_of(of or connection(auth=TOKEN), found, now=NOW, refused=refused)
    for each in status.conditions:
        if each.type in ALLOWED:
            assert each.reason in ALLOWED[ConditionType(each.type)][each.status]
    return status


def types(status: ConnectionStatus) -> list[tuple[str, str, str]]:
    return [(each.type, each.status, each.reason) for each in status.conditions]


def test_what_can_be_used_is_ready() -> None:
    status = told(USABLE)
    assert types(status) == [("Ready", "True", "Valid")]
    assert status.observed_generation == 1


def test_a_token_that_nobody_renews_is_spoken_of_two_hours_before_its_end() -> None:
    soon = Usable(USABLE.credential, NOW + timedelta(hours=2))
    later = Usable(USABLE.credential, NOW + timedelta(hours=2, seconds=30))
    assert types(told(soon)) == [("Ready", "True", "ExpiresSoon")]
    assert types(told(later)) == [("Ready", "True", "Valid")]
    assert types(told(soon, of=connection())) == [("Ready", "True", "Valid")]  # the operator renews that one
    assert told(soon).token_expires_at == soon.expires_at
    assert check_again(later, now=NOW) == 30


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        (NotReady(Reason.SECRET_NOT_FOUND, "x"), "Reconciling"),
        (NotReady(Reason.EXPIRED, "x", for_a_person=True), "Stalled"),
        (NotReady(Reason.LOGIN_FAILED, "x", for_a_person=True, version="7/1", next_login=NOW), "Stalled"),
        (NotReady(Reason.ENDPOINT_NOT_ALLOWED, "x", for_a_person=True), "Stalled"),
        (NotReady(Reason.CA_BUNDLE_NOT_FOUND, "x"), "Reconciling"),
    ],
)
def test_what_cannot_be_used_says_so_to_kstatus_too(found: NotReady, mark: str) -> None:
    status = told(found)
    assert types(status) == [("Ready", "False", found.reason), (mark, "True", found.reason)]
    assert (status.next_login_time, status.credential_version) == (found.next_login, found.version)


def test_a_refused_credential_is_remembered_until_it_changes() -> None:
    status = told(USABLE, refused=True)
    assert types(status)[0] == ("Ready", "False", "AuthenticationFailed")
    after = connection(auth=TOKEN, status=status.to_json())
    assert was_refused(after, USABLE)
    assert not was_refused(after, Usable(Credential("o", "8/1", "tok")))
    assert not was_refused(connection(auth=TOKEN), USABLE)
    assert told(USABLE, of=after).credential_version == ""


def test_a_status_written_twice_is_the_same() -> None:
    status = told(USABLE)
    again = told(USABLE, of=connection(auth=TOKEN, status=status.to_json()))
    assert again == status
