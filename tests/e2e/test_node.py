"""The node itself: whoever ends it, and however, the machine is as it was before."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ground.node import keeper
from ground.node.inside import SYSCTLS_WRITTEN_TO
from ground.operator_process import eventually

TESTS = Path(__file__).parents[1]


def settings() -> dict[str, str]:
    return {each: (Path("/proc/sys") / each).read_text() for each in SYSCTLS_WRITTEN_TO}


def processes_naming(words: str) -> list[str]:
    """The command lines of processes that name this; what has ended and waits to be reaped has none."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode() if folder.name.isdigit() else ""
        except OSError:
            continue
        if words in command:
            found.append(command)
    return found


def traces(directory: Path, kubeconfig: Path) -> list[str]:
    """What is left of a node on the machine."""
    cgroups = [str(each) for root in keeper.hierarchies() for each in keeper.below(root / directory.name)]
    folders = [str(each) for each in (directory, kubeconfig.parent) if each.exists()]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if directory.name in line]
    return [*cgroups, *folders, *mounts, *processes_naming(directory.name)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_however_it_ends(how: signal.Signals) -> None:
    before = settings()
    temporary = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - only looked at
    others = set(temporary.glob("cbr-node-*"))
    with subprocess.Popen(
        [sys.executable, "-m", "ground.node"], cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as starter:
        watchdog = threading.Timer(100, starter.kill)
        watchdog.start()
        assert starter.stdout is not None
        kubeconfig = Path(starter.stdout.readline().strip().partition("=")[2])
        watchdog.cancel()
        (directory,) = set(temporary.glob("cbr-node-*")) - others
        assert len(traces(directory, kubeconfig)) > len(keeper.hierarchies())
        starter.send_signal(how)
    eventually(lambda: not traces(directory, kubeconfig), what="nothing is left of the node")

    assert settings() == before
