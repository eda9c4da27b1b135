"""Child processes end with whoever started them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ground.controlplane import Child, ChildError
from ground.operator_process import eventually

TESTS = Path(__file__).parent.parent

# Starts a child from a thread that then ends, writes the child's pid, and stays.
PARENT = """
import sys, threading, time
from pathlib import Path
from ground.controlplane import Child

root = Path(sys.argv[1])
(root / "data").mkdir()
script = f"sleep 600 & echo $! > {root}/grandchild; wait"
children = []
def start():
    children.append(Child(["sh", "-c", script], log=root / "data" / "log", remove=root / "data"))
thread = threading.Thread(target=start)
thread.start()
thread.join()
(root / "pid").write_text(str(children[0].pid))
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def read_pid(path: Path) -> int:
    return int(eventually(lambda: path.exists() and path.read_text().strip(), what=f"{path.name} is written"))


def test_a_killed_starter_takes_child_grandchild_and_data_along(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], env=environment) as starter:
        child, grandchild = read_pid(tmp_path / "pid"), read_pid(tmp_path / "grandchild")
        assert is_alive(child)
        starter.kill()

    eventually(lambda: not is_alive(child), what="the child is gone")
    eventually(lambda: not is_alive(grandchild), what="the grandchild is gone")
    eventually(lambda: not (tmp_path / "data").exists(), what="the data are gone")


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    children: list[Child] = []
    thread = threading.Thread(target=lambda: children.append(Child(["sleep", "600"], log=tmp_path / "log")))
    thread.start()
    thread.join()
    (child,) = children

    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(1)

    assert child.kill() == 128 + signal.SIGKILL
    assert not is_alive(child.pid)


def test_the_exit_code_and_the_output_are_the_programs(tmp_path: Path) -> None:
    child = Child(["sh", "-c", "echo out; echo err >&2; exit 3"], log=tmp_path / "log")

    assert child.wait(60) == 3
    assert child.kill() == 3
    assert child.log_tail() == "out\nerr"


def test_stop_asks_first_and_then_kills(tmp_path: Path) -> None:
    polite = Child(["sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; sleep 600 & wait"], log=tmp_path / "polite")
    stubborn = Child(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], log=tmp_path / "stubborn")
    eventually(lambda: polite.log_tail() == stubborn.log_tail() == "up")

    assert polite.stop() == 0
    assert polite.log_tail() == "up\nbye"
    assert stubborn.stop(grace=0.2) == 128 + signal.SIGKILL


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"no-such-program did not start: .*No such file"):
        Child(["no-such-program"], log=tmp_path / "log")
