"""How the API server is reached: by the ServiceAccount in a cluster, by KUBECONFIG outside of one."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, list_kube_config_contexts, load_incluster_config, load_kube_config

from cbr_operator.ports import KubeError

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LARGEST_LINE = 2**21
"""Bytes of one watch event: an object may have 1.5 MiB (etcd's request limit)."""


class ConfigError(KubeError):
    """Neither a ServiceAccount nor a usable kubeconfig; the message is one line that says what to do."""


class Connection:
    """A configuration as loaded, and authenticated sessions made from it."""

    def __init__(self, configuration: Any, *, default_namespace: str) -> None:  # noqa: ANN401 - the package is untyped
        self._configuration = configuration
        # Its way of building TLS from a configuration; none of its requests is used.
        self._rest = RESTClientObject(configuration)
        self.server: str = configuration.host
        self.default_namespace = default_namespace

    def new_session(
        self, *, limit: int = 0, trace_configs: Sequence[aiohttp.TraceConfig] = ()
    ) -> aiohttp.ClientSession:
        """A session whose every request is authenticated with the token as it is then, and verified.

        ``limit`` bounds its connections; 0 does not.
        """
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, ssl=self._rest.ssl_context),
            proxy=self._rest.proxy,
            trust_env=True,
            read_bufsize=_LARGEST_LINE,
            trace_configs=list(trace_configs),
            middlewares=(self._authenticate,),
        )

    async def _authenticate(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Tokens in a cluster are bound and rotate: the package reads their file again each minute."""
        for setting in (await self._configuration.auth_settings()).values():
            if setting["in"] == "header" and setting["value"]:
                request.headers[setting["key"]] = setting["value"]
        return await handler(request)


async def connect() -> Connection:
    """Load the configuration: in a cluster the ServiceAccount's, outside KUBECONFIG's current context.

    Raises:
        ConfigError: there is neither, or it cannot be used.
    """
    configuration = Configuration()
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            load_incluster_config(client_configuration=configuration)
            return Connection(configuration, default_namespace=_own_namespace())
        file = os.environ.get("KUBECONFIG") or None  # the package would remember what it was at import
        await load_kube_config(config_file=file, client_configuration=configuration)
        _, current = list_kube_config_contexts(config_file=file)
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigError(
            f"No usable Kubernetes configuration: {error}. Run in a cluster with a ServiceAccount, or set KUBECONFIG"
        ) from error
    return Connection(configuration, default_namespace=current["context"].get("namespace") or "default")


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
