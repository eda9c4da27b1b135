"""The Kube port over plain HTTP; the kubernetes package's generated models cost three times the CPU."""

import base64
import io
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic_core import from_json

from cbr_operator.kinds.common import GROUP, ResourceKind, format_micro_time
from cbr_operator.kube.config import Connection
from cbr_operator.ports import (
    ConflictError,
    EventNote,
    Json,
    KubeError,
    NotFoundError,
    Page,
    RefusedError,
    SecretData,
    UnavailableError,
)

PAGE_SIZE = 100
"""Objects in an answer of a list: each may take 1.5 MiB."""
CONNECTIONS = 64
REQUEST_SECONDS = 10.0
LIST_SECONDS = 60.0
"""One page of a list of large objects takes longer than anything else."""
REPORTER = f"{GROUP}/cbr-operator"
LIST_BEGINNINGS = 5
"""How often one list may begin anew before it is given up."""
_LARGE_BODY = 2**18
_NOTE_LENGTH = 1024
"""events.k8s.io/v1: a note has at most 1 kB."""
_VERSIONS_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_SUCCESS = range(200, 300)
_ERRORS: dict[int, type[KubeError]] = {404: NotFoundError, 409: ConflictError}
_REFUSED = frozenset({400, 413, 422})
_GONE = 410
_TOO_LARGE = ("request is too large", "message larger than max")
"""How etcd, and from 2 MiB on its client in the API server, refuse a write; both arrive as a 500."""


class KubeClient:
    """Requests to one API server. No retry, no redirect, one time-out each, bounded connections."""

    def __init__(self, connection: Connection, *, instance: str = "cbr-operator") -> None:
        """``instance`` tells in Events which process reported them."""
        self._server = connection.server.rstrip("/")
        self._session = connection.new_session(limit=CONNECTIONS)
        self._instance = instance

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def list_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        """All objects, without managedFields, page by page.

        Should the continue token expire in the middle (410), the list begins anew, with a newer version: the pages
        from there on are complete in themselves, and what was given before may come again.
        """
        async for page in self._pages(kind, namespace, "application/json"):
            yield page

    async def list_version_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        """Like ``list_pages``, with the objects' metadata alone."""
        async for page in self._pages(kind, namespace, _VERSIONS_ONLY):
            yield page

    async def _pages(self, kind: ResourceKind, namespace: str | None, accept: str) -> AsyncIterator[Page]:
        parameters = {"limit": str(PAGE_SIZE)}
        beginnings = 1
        while True:
            try:
                body = await self.request(
                    "GET", _path(kind, namespace), params=parameters, accept=accept, seconds=LIST_SECONDS
                )
            except _ExpiredError:
                if beginnings == LIST_BEGINNINGS:
                    raise
                beginnings += 1
                parameters.pop("continue", None)
                continue
            items = body["items"] or ()  # a list of metadata that has none says null
            for item in items:
                item["metadata"].pop("managedFields", None)
            yield Page(tuple(items), int(body["metadata"]["resourceVersion"]))
            if not body["metadata"].get("continue"):
                return
            parameters["continue"] = body["metadata"]["continue"]

    async def get(self, kind: ResourceKind, *, namespace: str, name: str) -> Json:
        """One object, without managedFields."""
        return await self.request("GET", f"{_path(kind, namespace)}/{name}")

    async def patch_status(self, kind: ResourceKind, *, namespace: str, name: str, patch: Json) -> Json:
        """JSON merge patch of the status subresource."""
        return await self.request(
            "PATCH", f"{_path(kind, namespace)}/{name}/status", body=patch, content_type="application/merge-patch+json"
        )

    async def read_secret(self, *, namespace: str, name: str) -> SecretData:
        """One Secret, its data decoded."""
        found = await self.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        data = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
        return SecretData(resource_version=found["metadata"]["resourceVersion"], data=data)

    async def read_config_map(self, *, namespace: str, name: str) -> SecretData:
        """One ConfigMap, its text encoded."""
        found = await self.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        data = {key: str(value).encode() for key, value in (found.get("data") or {}).items()}
        return SecretData(resource_version=found["metadata"]["resourceVersion"], data=data)

    async def create(self, kind: ResourceKind, *, namespace: str, body: Json) -> Json:
        """Create an object."""
        return await self.request("POST", _path(kind, namespace), body=body)

    async def apply(self, kind: ResourceKind, *, namespace: str, name: str, body: Json, manager: str) -> Json:
        """Server-side apply; conflicts with other managers are ours to win. JSON is YAML, as the type wants."""
        return await self.request(
            "PATCH",
            f"{_path(kind, namespace)}/{name}",
            body=body,
            content_type="application/apply-patch+yaml",
            params={"fieldManager": manager, "force": "true"},
        )

    async def delete(self, kind: ResourceKind, *, namespace: str, name: str, uid: str, version: str) -> None:
        """Delete with preconditions; its dependents follow in the background."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        await self.request("DELETE", f"{_path(kind, namespace)}/{name}", body=body)

    async def create_event(self, event: EventNote) -> None:
        """Post an Event; those about cluster-scoped objects lie in ``default``."""
        namespace = event.regarding.get("namespace") or "default"
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": _event_name(event.regarding["name"]), "namespace": namespace},
            "eventTime": format_micro_time(datetime.now(UTC)),
            "reportingController": REPORTER,
            "reportingInstance": self._instance,
            "regarding": event.regarding,
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "action": event.action,
            "note": event.note.encode()[:_NOTE_LENGTH].decode(errors="ignore"),
        }
        await self.request("POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", body=body)

    async def request(  # noqa: PLR0913 - what a request has, each by its name
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        params: dict[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """One request and its decoded answer.

        Raises:
            KubeError: one of the errors of ``ports``.
        """
        headers = {"Accept": accept, **({"Content-Type": content_type} if body is not None else {})}
        data = _encoded(body) if body is not None else None
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(
                method,
                self._server + path,
                params=params,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except TimeoutError:
            raise UnavailableError(f"{method} {path}: no answer within {seconds:.0f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{method} {path}: {_words(str(error)) or type(error).__name__}") from None
        if response.status not in _SUCCESS:
            raise _error(method, path, response.status, content.decode(errors="replace"))
        return _decoded(content, f"{method} {path}")


def _decoded(content: bytes, request: str) -> Json:
    """The object in an answer, without managedFields."""
    try:
        found = from_json(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnavailableError(f"{request}: the answer is no JSON object")
    found.get("metadata", {}).pop("managedFields", None)
    return found


def _encoded(body: Json) -> bytes | io.BytesIO:
    """Large bodies go out in pieces, so that nothing else waits for them; small ones are faster whole."""
    data = json.dumps(body).encode()
    return io.BytesIO(data) if len(data) > _LARGE_BODY else data


class _ExpiredError(UnavailableError):
    """410: a continue token is too old."""


def _event_name(name: str) -> str:
    """A unique one that begins with the object's; a label may end in neither a dash nor a dot."""
    return f"{name[:200].rstrip('-.')}.{uuid.uuid4().hex[:16]}"


def _path(kind: ResourceKind, namespace: str | None) -> str:
    scope = f"/namespaces/{namespace}" if namespace else ""
    root = "/apis" if kind.group else "/api"
    return f"{root}/{kind.api_version}{scope}/{kind.plural}"


def _error(method: str, path: str, status: int, text: str) -> KubeError:
    """The error that an answer stands for; one that is too large for etcd will not go away either."""
    message = f"{method} {path}: HTTP {status}: {_words(text)}"
    if status == _GONE:
        return _ExpiredError(message)
    if status in _REFUSED or (status == 500 and any(words in text for words in _TOO_LARGE)):  # noqa: PLR2004 - HTTP
        return RefusedError(message)
    return _ERRORS.get(status, UnavailableError)(message)


def _words(text: str) -> str:
    """The message of a Status, or the text itself, as one line."""
    try:
        status: Any = json.loads(text)
    except ValueError:
        status = text
    words = status.get("message", "") if isinstance(status, dict) else str(status)
    return " ".join(str(words).split())[:512]
