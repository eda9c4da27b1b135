"""Plain HTTPS requests to an API server, for what the tests need before and beside kubectl."""

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOO_MANY_REQUESTS = 429


class ApiError(RuntimeError):
    """The API server refused a request."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Api:
    """One API server, as one user, with its certificate verified."""

    url: str
    ca_file: Path
    token: str

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = "application/json",
        timeout: float = 30,
    ) -> Any:
        """Send one request and return the decoded JSON, or the text where it is none.

        A 429, as custom kinds answer for a moment after a start and after a change of their definition, had no
        effect: it is asked again.

        Args:
            method: The HTTP method.
            path: With its query, e.g. ``/api/v1/namespaces``.
            body: Sent as JSON; absent: no body.
            content_type: Of the body; patches have their own.
            timeout: In seconds.

        Raises:
            ApiError: An answer other than 2xx.
            OSError: No answer.

        """
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
        )
        # Loopback is never reached through a proxy, whatever the environment says.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file)),
        )
        deadline = time.monotonic() + timeout
        while True:
            try:
                with opener.open(request, timeout=timeout) as answer:
                    text = answer.read().decode()
                    is_json = answer.headers.get_content_type() == "application/json"
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != TOO_MANY_REQUESTS or time.monotonic() > deadline:
                        raise ApiError(error.code, error.read().decode(errors="replace")) from None
                time.sleep(0.5)
            else:
                return json.loads(text) if is_json else text

    def kubeconfig(self, *, namespace: str = "default") -> dict[str, Any]:
        """What a kubeconfig file for this user says."""
        name = "ground"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        }
