"""Counts writes as the API server tells of them: a watch of its own on one kind."""

import json
import ssl
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from types import TracebackType
from typing import Any, Self

from ground.controlplane.api import Api
from ground.operator_process import eventually

GROUP = "/apis/cbr-operator.io/v1alpha1"


class WriteCounter:
    """Counts, by namespace and name, how often objects were modified while the context is open."""

    def __init__(self, api: Api, plural: str = "checkpointreplications") -> None:
        self._api = api
        self._path = f"{GROUP}/{plural}"
        self.added: set[tuple[str, str]] = set()
        """What was created meanwhile."""
        self.modified: Counter[tuple[str, str]] = Counter()
        self.reasons: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """Every reason that Succeeded ever had."""
        self._ready = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._version = self._api.request("GET", f"{self._path}?limit=1")["metadata"]["resourceVersion"]
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True

    def catch_up(self) -> None:
        """Wait until all that is written by now has been counted: a watch tells of it a moment later."""
        items = self._api.request("GET", self._path)["items"]
        newest = max((int(each["metadata"]["resourceVersion"]) for each in items), default=0)
        eventually(lambda: int(self._version) >= newest, what="the watch has seen all writes")

    def _watch(self) -> None:
        context = ssl.create_default_context(cafile=self._api.ca_file)
        headers = {"Authorization": f"Bearer {self._api.token}"}
        while not self._stopped:
            # The server ends each watch after a few seconds, so that this thread sees when it is no longer wanted.
            query = f"watch=true&resourceVersion={self._version}&timeoutSeconds=5&allowWatchBookmarks=true"
            request = urllib.request.Request(f"{self._api.url}{self._path}?{query}", headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=30, context=context) as lines:
                    self._ready.set()
                    for line in lines:
                        self._take(json.loads(line))
            except OSError:
                time.sleep(0.2)

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] != "BOOKMARK":
            self._count(event)
        # Last, for whoever catches up reads the counts once this is reached.
        self._version = event["object"]["metadata"]["resourceVersion"]

    def _count(self, event: dict[str, Any]) -> None:
        metadata = event["object"]["metadata"]
        key = metadata.get("namespace", ""), metadata["name"]
        conditions = event["object"].get("status", {}).get("conditions", [])
        self.reasons[key] |= {each["reason"] for each in conditions if each["type"] == "Succeeded"}
        if event["type"] == "ADDED":
            self.added.add(key)
        if event["type"] == "MODIFIED":
            self.modified[key] += 1
