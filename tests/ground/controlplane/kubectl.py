"""Runs kubectl, and keeps what it said when it failed."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


class KubectlError(subprocess.CalledProcessError):
    """kubectl failed. Its message holds what kubectl said."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stderr}"


def environment(kubeconfig: Path, *, cache: Path) -> dict[str, str]:
    """The environment for a kubectl, with its cache elsewhere than in the user's home directory."""
    return {**os.environ, "KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(cache)}


def run(
    command: Sequence[str | Path], *, environ: dict[str, str], stdin: str, check: bool, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run it to its end.

    Args:
        command: The program and its arguments.
        environ: Its environment.
        stdin: Its standard input.
        check: Raise when it fails.
        timeout: In seconds.

    Raises:
        KubectlError: It failed, and ``check`` is set.
        subprocess.TimeoutExpired: It took longer; it was killed.

    """
    done = subprocess.run(
        command, input=stdin, env=environ, capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and done.returncode:
        raise KubectlError(done.returncode, done.args, done.stdout, done.stderr)
    return done
