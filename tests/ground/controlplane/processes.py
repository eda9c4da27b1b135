"""Child processes that never outlive the process that started them."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TAIL_BYTES = 16 * 1024


class ChildError(RuntimeError):
    """A program could not be started."""


class Child:
    """A program that ends with the process that started it, also when that one is killed.

    A small supervising process stands in between (supervisor.py). What the program writes is appended to ``log``.

    Args:
        argv: The program and its arguments.
        log: The file that takes its standard output and error.
        env: Its environment; absent: ours.
        cwd: Its working directory; absent: ours.
        remove: A directory to remove should we be killed. Whoever ends in order removes it himself.

    Raises:
        ChildError: The program could not be started.

    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        remove: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", SUPERVISOR, str(remove or ""), *argv],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,  # Ctrl-C in a terminal is ours to handle, in order
            )
        answer = self._answer()
        if not answer.isdigit():
            self.kill()
            raise ChildError(f"{argv[0]} did not start: {answer or self.log_tail()}")
        self.pid = int(answer)

    def _answer(self) -> str:
        assert self._supervisor.stdout is not None
        with self._supervisor.stdout as pipe:
            return pipe.readline().decode().strip()

    def poll(self) -> int | None:
        """The exit code, 128 + n after signal n, or None while it runs."""
        return self._supervisor.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program's end and return its exit code.

        Args:
            timeout: In seconds; absent: for ever.

        Raises:
            subprocess.TimeoutExpired: It still runs.

        """
        return self._supervisor.wait(timeout)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the program and what it started; nothing happens when it has ended."""
        assert self._supervisor.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # it has ended, or kill() has closed the pipe
            self._supervisor.stdin.write(bytes([number]))

    def stop(self, *, grace: float = 10) -> int:
        """Ask it to end (SIGTERM), kill it after ``grace`` seconds, and return its exit code."""
        self.send_signal(signal.SIGTERM)
        try:
            self.wait(grace)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
        code = self.wait()
        self._close()
        return code

    def kill(self) -> int:
        """Kill it and what it started, and return its exit code."""
        self.send_signal(signal.SIGKILL)
        code = self.wait()
        self._close()
        return code

    def _close(self) -> None:
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of what the program wrote."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
