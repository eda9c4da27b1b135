"""How the API server is reached: by the ServiceAccount in a cluster, by KUBECONFIG outside of one."""

import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, list_kube_config_contexts, load_kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from cbr_operator.ports import KubeError

logger = logging.getLogger(__name__)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a Pod's token, the API server's CA and the namespace."""
READ_AGAIN_SECONDS = 60.0
"""How old a credential may get before its file is read again: tokens in a cluster are bound, and rotate."""
_LARGEST_LINE = 2**21
"""Bytes of one watch event: an object may have 1.5 MiB (etcd's request limit)."""


class ConfigError(KubeError):
    """Neither a ServiceAccount nor a usable kubeconfig; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    configuration: Any  # the package is untyped
    namespace: str


Load = Callable[[], Awaitable[_Loaded]]


class Connection:
    """A configuration as loaded, and authenticated sessions made from it."""

    def __init__(self, loaded: _Loaded, *, load_again: Load, read_again_seconds: float) -> None:
        # Its way of building TLS from a configuration; none of its requests is used.
        rest = RESTClientObject(loaded.configuration)
        self._tls = rest.ssl_context
        self._proxy = rest.proxy or _environment_proxy(loaded.configuration.host)
        self._tls_server_name: str | None = loaded.configuration.tls_server_name
        self._load_again = load_again
        self._read_again_seconds = read_again_seconds
        self._read_again_at = time.monotonic() + read_again_seconds
        self._authorization = _authorization(loaded)
        self.server: str = loaded.configuration.host
        self._origin = _origin(self.server)
        self.default_namespace = loaded.namespace

    def new_session(
        self, *, limit: int = 0, trace_configs: Sequence[aiohttp.TraceConfig] = ()
    ) -> aiohttp.ClientSession:
        """A session whose every request is authenticated with the credential as it is then, and verified.

        ``limit`` bounds its connections; 0 does not. Without a proxy in the kubeconfig, HTTPS_PROXY and NO_PROXY hold.
        """
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, ssl=self._tls),
            proxy=self._proxy,
            trust_env=False,  # it would look for a .netrc, in a thread, at every single request
            read_bufsize=_LARGEST_LINE,
            trace_configs=list(trace_configs),
            middlewares=(self._authenticate,),
        )

    async def _authenticate(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # Not elsewhere: a redirect passes through here too, and must not take the token with it.
        if (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.server_hostname = self._tls_server_name
            if authorization := await self._current_authorization():
                request.headers["Authorization"] = authorization
        return await handler(request)

    async def _current_authorization(self) -> str:
        if time.monotonic() >= self._read_again_at:
            # Before anything is awaited: one reader is enough, the others go on with what there is.
            self._read_again_at = time.monotonic() + self._read_again_seconds
            try:
                self._authorization = _authorization(await self._load_again()) or self._authorization
            except ConfigError as error:
                logger.warning("Going on with the credential of before: %s", error)
        return self._authorization


async def connect(
    *, service_account: Path = SERVICE_ACCOUNT, read_again_seconds: float = READ_AGAIN_SECONDS
) -> Connection:
    """Load the configuration: in a cluster the ServiceAccount's, outside KUBECONFIG's current context.

    A Pod without a ServiceAccount's token is taken as outside.

    Raises:
        ConfigError: there is neither, or it cannot be used.
    """
    load = partial(_load_service_account if _is_in_cluster(service_account) else _load_kubeconfig, service_account)
    loaded = await load()
    try:
        return Connection(loaded, load_again=load, read_again_seconds=read_again_seconds)
    except (OSError, ValueError) as error:
        raise _unusable("its certificates or its server's URL", error) from None


def _is_in_cluster(folder: Path) -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (folder / "token").exists()


async def _load_service_account(folder: Path) -> _Loaded:
    configuration = Configuration()
    loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"), try_refresh_token=False)
    try:
        loader.load_and_set(configuration)
        namespace = (folder / "namespace").read_text(encoding="utf-8").strip()
    except (ConfigException, OSError, ValueError) as error:
        raise _unusable(f"the ServiceAccount in {folder}", error) from None
    return _Loaded(configuration, namespace)


async def _load_kubeconfig(service_account: Path) -> _Loaded:
    files = os.environ.get("KUBECONFIG") or "~/.kube/config"  # the package would remember what it was at import
    if not _any_exists(files):
        raise ConfigError(
            f"No Kubernetes configuration: neither a ServiceAccount's token in {service_account} "
            f"nor a kubeconfig {files}. Run in a cluster with a ServiceAccount, or set KUBECONFIG"
        )
    configuration = Configuration()
    try:
        await load_kube_config(config_file=files, client_configuration=configuration)
        _, current = list_kube_config_contexts(config_file=files)
        return _Loaded(configuration, current["context"].get("namespace") or "default")
    except Exception as error:  # noqa: BLE001 - of an ill-formed file the package raises whatever Python does
        raise _unusable(f"the kubeconfig {files}", error) from None


def _any_exists(files: str) -> bool:
    return any(Path(file).expanduser().exists() for file in files.split(os.pathsep) if file)


def _unusable(what: str, error: Exception) -> ConfigError:
    # The package names an entry it cannot read by all that the entry holds, tokens included: nothing from the
    # first brace on may be repeated, nor more than one line.
    words = str(error).partition("{")[0].partition("\n")[0].strip()
    return ConfigError(f"No usable Kubernetes configuration: {what}: {type(error).__name__}: {words}")


def _authorization(loaded: _Loaded) -> str:
    """The value of the Authorization header; empty with client certificates."""
    return str(loaded.configuration.api_key.get("BearerToken", "")).strip()


def _environment_proxy(server: str) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY name for this server."""
    parts = urlsplit(server)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def _origin(server: str) -> tuple[str, str | None, int]:
    parts = urlsplit(server)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
