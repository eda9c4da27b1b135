"""The operator as a process of its own, as a user would run it outside a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY_SECONDS = 60.0
EXIT_SECONDS = 90.0


def eventually(condition: Callable[[], Any], *, seconds: float = 60.0, every: float = 0.05, what: str = "") -> Any:
    """The first true result of ``condition``; AssertionError when there is none within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds:.0f} s: {what or condition}; last: {result!r}")
        time.sleep(every)


class OperatorProcess:
    """``cbr-operator run`` with its settings in the environment and its log in a file."""

    def __init__(self, *, kubeconfig: Path, log: Path, settings: dict[str, str] | None = None) -> None:
        self._log = log
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "KUBECONFIG": str(kubeconfig),
            "CBR_OPERATOR_ALLOWED_ENDPOINTS": "http://127.0.0.1:*",
            "CBR_OPERATOR_HTTP_HOST": "127.0.0.1",
            "CBR_OPERATOR_HTTP_PORT": "0",
            "CBR_OPERATOR_OPERATOR_NAMESPACE": "default",
            "CBR_OPERATOR_LEADER_ELECTION": "false",
            **{f"CBR_OPERATOR_{name}": value for name, value in (settings or {}).items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> Self:
        """Start it, and by default wait until it is ready."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cbr_operator", "run"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if ready:
            eventually(self._ready_or_dead, seconds=READY_SECONDS, what="the operator is ready")
        return self

    def _ready_or_dead(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the operator ended with {self.process.returncode}:\n{self.log_text()[-4000:]}")
        return self.probe("readyz")[0] == 200

    def stop(self, *, seconds: float = EXIT_SECONDS) -> int:
        """SIGTERM, and its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(EXIT_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing any more, and notices nothing."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def log_text(self) -> str:
        """Everything it has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def records(self) -> list[dict[str, Any]]:
        """Its log as JSON records; a line that is no JSON object fails the test that looks."""
        return [json.loads(line) for line in self.log_text().splitlines()]

    @property
    def port(self) -> int | None:
        """The port of probes and metrics, once it is known from the log; the newest start counts."""
        found = None
        for line in self.log_text().splitlines():
            if '"http_port"' in line:
                found = json.loads(line)["http_port"]
        return found

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of /livez, /readyz or /metrics; status 0 while nothing listens."""
        port = self.port
        if port is None:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def resident_bytes(self) -> int:
        """Its resident memory (VmRSS)."""
        return self._status_field("VmRSS") * 1024

    def _status_field(self, name: str) -> int:
        if self.process is None:
            return 0
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:")))

    def cpu_seconds(self) -> float:
        """The processor time it has used, user and system."""
        if self.process is None:
            return 0.0
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
