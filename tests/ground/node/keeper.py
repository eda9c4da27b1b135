"""Keeps a real node: starts it in namespaces of its own, and tidies up after it, whoever it was that ended first.

``python -m ground.node.keeper DIRECTORY CGROUP``, started by ``Node`` in a session of its own. It runs inside.py as
the first process of new PID and mount namespaces. When that one ends, the kernel kills whatever else is in the PID
namespace, shims and containers included, and every mount goes with the mount namespace. What is left are cgroups
and files, and those are removed here.

Standard input: end of file ends the node. Standard output: one line, the pid of inside.py's parent.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ground.controlplane.supervisor import answer, die_with_supervisor, follow, remove, send

CGROUPS = Path("/sys/fs/cgroup")
CGROUP_SECONDS = 20.0
MODULE = "ground.node.inside"


def hierarchies() -> list[Path]:
    """The roots of the cgroup hierarchies: one with version 2, one a controller with version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    # Some controllers share a hierarchy under several names, which are symbolic links.
    return [each for each in CGROUPS.iterdir() if not each.is_symlink() and (each / "cgroup.procs").exists()]


def make_cgroup(name: str) -> None:
    """The cgroup that all Pods are under, in every hierarchy."""
    for root in hierarchies():
        folder = root / name
        folder.mkdir(exist_ok=True)
        controllers = root / "cgroup.controllers"
        if controllers.exists():
            enabled = " ".join(f"+{each}" for each in controllers.read_text(encoding="utf-8").split())
            for parent in (root, folder):
                (parent / "cgroup.subtree_control").write_text(enabled, encoding="utf-8")


def remove_cgroup(name: str) -> None:
    """Kill what is still in it, and remove it with all below it."""
    deadline = time.monotonic() + CGROUP_SECONDS
    while (left := [folder for root in hierarchies() for folder in below(root / name)]) and time.monotonic() < deadline:
        for folder in left:
            for pid in processes(folder):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(OSError):  # busy until the kernel is done with the last process
                folder.rmdir()
        time.sleep(0.05)


def below(folder: Path) -> Iterator[Path]:
    """A cgroup and all below it, the deepest first."""
    for path, _, _ in os.walk(folder, topdown=False):
        yield Path(path)


def processes(folder: Path) -> list[int]:
    try:
        return [int(pid) for pid in (folder / "cgroup.procs").read_text(encoding="utf-8").split()]
    except OSError:  # removed meanwhile
        return []


def main(directory: str, cgroup: str) -> int:
    """Run the node until it ends or the starter is gone, then tidy up; see the module's description."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the starter hears them too, and decides
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    make_cgroup(cgroup)
    namespaces = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
    with (Path(directory) / "inside.log").open("wb") as log:
        program = subprocess.Popen(
            [*namespaces, sys.executable, "-m", MODULE, directory],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=die_with_supervisor,  # noqa: PLW1509 - this process has no threads
        )
    answer(str(program.pid))
    follow(program.pid, reader)
    send(program.pid, signal.SIGKILL)
    program.wait()
    remove_cgroup(cgroup)
    remove(directory)
    return 0 if not Path(directory).exists() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
