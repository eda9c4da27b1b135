"""The node itself: whoever ends it, and however, the machine is as it was before."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


def traces(folder: Path) -> list[str]:
    """What there is on the machine of a node whose temporary files lie in this folder."""
    left = [str(each) for each in folder.iterdir()]
    names = [each.name for each in folder.glob("cbr-node-*")]
    cgroups = [str(each) for root in keeper.hierarchies() for name in names for each in keeper.below(root / name)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line]
    return [*left, *cgroups, *mounts, *processes_naming(str(folder))]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the temporary files of another node; its path is short, for there are sockets in it."""
    with tempfile.TemporaryDirectory(prefix="cbr-") as path:
        yield Path(path)


@contextmanager
def another_node(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A node besides the tests' own, in a process of its own, from its first moment on; afterwards nothing is left."""
    before = settings()
    command = [sys.executable, "-m", "ground.node"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=TESTS, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as starter:
        try:
            eventually(lambda: list(folder.glob("cbr-node-*/kubelet.log")), what="kubelet runs")
            (name,) = [each.name for each in folder.glob("cbr-node-*")]
            assert [each for root in keeper.hierarchies() for each in keeper.below(root / name)]
            yield starter
        finally:
            starter.kill()
    eventually(lambda: not traces(folder), what="nothing is left of the node")
    assert not [each for root in keeper.hierarchies() for each in keeper.below(root / name)]
    assert settings() == before


def test_nothing_stays_behind_when_its_starter_is_killed(folder: Path) -> None:
    with another_node(folder) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith("export KUBECONFIG=")  # it is ready
        starter.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_behind_when_its_start_is_interrupted(folder: Path, how: signal.Signals) -> None:
    with another_node(folder) as starter:
        starter.send_signal(how)
        assert starter.wait(60) == 128 + how
