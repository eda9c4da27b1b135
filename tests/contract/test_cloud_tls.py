"""TLS of the HTTP client: verified always, 1.2 at least."""

import ssl
import subprocess
from pathlib import Path

import pytest

from ground.wire import ANSWER, http, replicate, says, talking_to


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two self-signed certificates: for localhost, and for another name."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("localhost", "other.example"):
        command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
        names = f"-addext subjectAltName=DNS:{name} -keyout {name}.key -out {name}.crt"
        subprocess.run([*command.split(), *names.split()], cwd=folder, check=True, capture_output=True)
    return folder


def server_tls(folder: Path, name: str, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    context.maximum_version = newest
    return context


async def test_a_trusted_certificate_of_the_right_name_is_taken(certificates: Path) -> None:
    tls = server_tls(certificates, "localhost")
    async with talking_to(says(http("200 OK", ANSWER)), tls=tls, ca=certificates / "localhost.crt") as (_, client, to):
        assert (await replicate(client, to)).status == 200


@pytest.mark.parametrize(("name", "trusted"), [("localhost", None), ("other.example", "other.example")])
async def test_an_untrusted_certificate_or_one_of_another_name_ends_before_anything_is_sent(
    certificates: Path, name: str, trusted: str | None
) -> None:
    ca = certificates / f"{trusted}.crt" if trusted else None
    async with talking_to(says(http("200 OK", ANSWER)), tls=server_tls(certificates, name), ca=ca) as (
        wire,
        client,
        to,
    ):
        facts = await replicate(client, to)
        assert (facts.sent, facts.status, wire.requests) == (False, None, [])
        assert "certificate" in facts.failure


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")  # asked for on purpose
async def test_old_tls_is_refused(certificates: Path) -> None:
    tls = server_tls(certificates, "localhost", newest=ssl.TLSVersion.TLSv1_1)
    async with talking_to(says(http("200 OK", ANSWER)), tls=tls, ca=certificates / "localhost.crt") as (_, client, to):
        facts = await replicate(client, to)
        assert (facts.sent, facts.status) == (False, None)
