"""How the API server is reached: ServiceAccounts, kubeconfigs, tokens that change, and what is wrong with them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from cbr_operator.kube.client import KubeClient
from cbr_operator.kube.config import ConfigError, connect
from cbr_operator.ports import KubeError, UnavailableError
from ground.controlplane import ControlPlane

PATH = "/api/v1/namespaces/kube-system"
MARK = "what-must-not-be-told"

Outside = Callable[[dict[str, Any] | str], Path]
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Outside:
    """Writes a kubeconfig, and has KUBECONFIG name it."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    def write(config: dict[str, Any] | str) -> Path:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "kubeconfig").write_text(text)
        return tmp_path

    return write


def admin_config(controlplane: ControlPlane, change: Change = lambda _: None) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(controlplane.kubeconfig.read_text())
    change(config)
    return config


@pytest.fixture
def inside(controlplane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that a Pod's ServiceAccount has, with the administrator's token."""
    parts = urlsplit(controlplane.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(parts.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(parts.port))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "not-asked-for"))
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "ca.crt").write_text(controlplane.ca_file.read_text())
    (folder / "namespace").write_text("dr\n")
    (folder / "token").write_text(controlplane.admin_token + "\n")
    return folder


@asynccontextmanager
async def client(service_account: Path | None = None, *, read_again_seconds: float = 60) -> AsyncIterator[KubeClient]:
    folder = {} if service_account is None else {"service_account": service_account}
    kube = KubeClient(await connect(**folder, read_again_seconds=read_again_seconds))
    try:
        yield kube
    finally:
        await kube.close()


async def test_in_a_cluster_the_service_account_wins(inside: Path, controlplane: ControlPlane) -> None:
    connection = await connect(service_account=inside)
    assert (connection.server, connection.default_namespace) == (controlplane.url, "dr")
    async with client(inside) as kube:
        assert await kube.request("GET", PATH)


async def test_a_pod_without_a_token_uses_kubeconfig(
    inside: Path, controlplane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inside / "token").unlink()
    with pytest.raises(ConfigError, match="nor a kubeconfig"):
        await connect(service_account=inside)
    monkeypatch.setenv("KUBECONFIG", str(controlplane.kubeconfig))
    async with client(inside) as kube:
        assert await kube.request("GET", PATH)


@pytest.mark.parametrize("name", ["ca.crt", "namespace"])
async def test_a_broken_service_account_is_an_error(inside: Path, name: str) -> None:
    (inside / name).unlink()
    with pytest.raises(ConfigError, match="ServiceAccount in"):
        await connect(service_account=inside)


async def test_a_token_that_rotates_is_read_again(inside: Path, controlplane: ControlPlane) -> None:
    async with client(inside, read_again_seconds=0) as kube:
        assert await kube.request("GET", PATH)
        (inside / "token").write_text("another")
        with pytest.raises(UnavailableError, match="401"):
            await kube.request("GET", PATH)
        (inside / "token").write_text(controlplane.admin_token)
        assert await kube.request("GET", PATH)
        (inside / "token").write_text("")  # as while it is being written
        assert await kube.request("GET", PATH)


async def test_a_token_is_not_read_for_each_request(inside: Path) -> None:
    async with client(inside) as kube:
        (inside / "token").write_text("another")
        assert await kube.request("GET", PATH)


async def test_the_token_file_of_a_kubeconfig_is_read_again(outside: Outside, controlplane: ControlPlane) -> None:
    folder = outside(admin_config(controlplane, lambda it: it["users"][0].update(user={"tokenFile": "token"})))
    (folder / "token").write_text("another\n")
    async with client(read_again_seconds=0) as kube:
        with pytest.raises(UnavailableError, match="401"):
            await kube.request("GET", PATH)
        (folder / "token").write_text(f"{controlplane.admin_token}\n")
        assert await kube.request("GET", PATH)


async def test_the_namespace_is_the_context_s(outside: Outside, controlplane: ControlPlane) -> None:
    outside(admin_config(controlplane, lambda it: it["contexts"][0]["context"].update(namespace="dr")))
    assert (await connect()).default_namespace == "dr"
    outside(admin_config(controlplane, lambda it: it["contexts"][0]["context"].pop("namespace")))
    assert (await connect()).default_namespace == "default"


async def test_the_server_s_certificate_is_verified(outside: Outside, controlplane: ControlPlane) -> None:
    outside(admin_config(controlplane, lambda it: it["clusters"][0]["cluster"].pop("certificate-authority")))
    async with client() as kube:
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            await kube.request("GET", PATH)


def with_server_name(name: str) -> Change:
    return lambda it: it["clusters"][0]["cluster"].update({"tls-server-name": name})


async def test_the_server_may_have_another_name_in_its_certificate(
    outside: Outside, controlplane: ControlPlane
) -> None:
    outside(admin_config(controlplane, with_server_name("kubernetes.default")))
    async with client() as kube:
        assert await kube.request("GET", PATH)
    outside(admin_config(controlplane, with_server_name("elsewhere.example")))
    async with client() as kube:
        with pytest.raises(UnavailableError, match="elsewhere"):
            await kube.request("GET", PATH)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("", "the kubeconfig"),
        ("users: [{user: {token: " + MARK, "the kubeconfig"),
        ("[1, 2]", "the kubeconfig"),
        ("current-context: c", "contexts"),
        (lambda it: it["users"].__setitem__(0, {"name": "ground", "token": MARK}), "Expected key user"),
        (lambda it: it["contexts"][0]["context"].pop("user"), "the kubeconfig"),
        (lambda it: it["clusters"][0]["cluster"].update({"certificate-authority": "/missing"}), "/missing"),
        (lambda it: it["clusters"][0]["cluster"].update({"certificate-authority-data": "eA=="}), "certificate"),
        (lambda it: it["users"][0]["user"].update({"client-certificate-data": "eA==", "token": MARK}), "certificate"),
        (lambda it: it["clusters"][0]["cluster"].update(server="https://[::"), "URL"),
    ],
)
async def test_a_broken_kubeconfig_is_one_line_without_its_secrets(
    outside: Outside, controlplane: ControlPlane, broken: str | Change, words: str
) -> None:
    outside(broken if isinstance(broken, str) else admin_config(controlplane, broken))
    with pytest.raises(ConfigError, match=words) as raised:
        await connect()
    line = str(raised.value)
    assert "\n" not in line
    assert MARK not in line
    assert raised.value.__cause__ is None


async def test_without_any_configuration_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="set KUBECONFIG"):
        await connect()
    assert issubclass(ConfigError, KubeError)


class Front:
    """Something before the API server that answers by itself, e.g. a load balancer."""

    def __init__(self, answer: Callable[[], web.Response]) -> None:
        self._answer = answer
        self.authorizations: list[str | None] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> str:
        runner = web.ServerRunner(web.Server(self._handle))
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self.authorizations.append(request.headers.get("Authorization"))
        return self._answer()


async def test_a_redirect_does_not_take_the_token_elsewhere(outside: Outside, controlplane: ControlPlane) -> None:
    elsewhere = Front(lambda: web.json_response({}))
    async with elsewhere as to:
        front = Front(lambda: web.Response(status=302, headers={"Location": f"{to}/x"}))
        async with front as url:
            outside(admin_config(controlplane, lambda it: it["clusters"][0]["cluster"].update(server=url)))
            connection = await connect()
            async with connection.new_session() as session, session.get(f"{url}/x") as answer:
                assert answer.status == 200
            async with client() as kube:
                with pytest.raises(UnavailableError, match="302"):
                    await kube.request("GET", PATH)
    assert front.authorizations == [f"Bearer {controlplane.admin_token}"] * 2
    assert elsewhere.authorizations == [None]


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>sorry</html>"),
        lambda: web.Response(body=b"\xff\xfe"),
        lambda: web.Response(text="[]"),
        lambda: web.Response(status=503, text="<html>\nsorry\n</html>"),
        lambda: web.Response(status=204),
        lambda: web.Response(status=500, text='{"message": 7}'),
    ],
)
async def test_answers_that_are_not_the_api_server_s_are_unavailable(
    outside: Outside, controlplane: ControlPlane, answer: Callable[[], web.Response]
) -> None:
    async with Front(answer) as url:
        outside(admin_config(controlplane, lambda it: it["clusters"][0]["cluster"].update(server=url)))
        async with client() as kube:
            with pytest.raises(UnavailableError) as raised:
                await kube.request("GET", PATH)
    assert "\n" not in str(raised.value)
