"""The first process inside a node's namespaces: mounts, then containerd and kubelet, until either ends.

``python -m ground.node.inside DIRECTORY``, started by keeper.py. The directory holds the configuration of both
(written by ``Node``), and whatever they write: nothing else on the machine is written to.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

FOLDERS_WRITTEN_TO = ("/run", "/var/lib", "/var/log")
"""Where containerd, its shims and kubelet have fixed paths."""
SYSCTLS_WRITTEN_TO = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""kubelet sets these for the whole machine (kubernetes, pkg/kubelet/cm, setupKernelTunables)."""
SOCKET_SECONDS = 60.0


def mount(*arguments: str) -> None:
    """Mount something, in this namespace alone."""
    subprocess.run(["mount", *arguments], check=True)


def shield(directory: Path) -> None:
    """Let what is written to the machine's own folders and settings go into the directory instead.

    Images and containers are kept in memory: they are quickly there, and gone with the namespace.
    """
    (directory / "containerd").mkdir()
    mount("-t", "tmpfs", "-o", "size=4g", "containerd", str(directory / "containerd"))
    for folder in filter(os.path.isdir, FOLDERS_WRITTEN_TO):
        layer = directory / "overlays" / folder.strip("/").replace("/", "-")
        (layer / "upper").mkdir(parents=True)
        (layer / "work").mkdir()
        options = f"lowerdir={folder},upperdir={layer / 'upper'},workdir={layer / 'work'}"
        mount("-t", "overlay", "overlay", "-o", options, folder)
    for setting in SYSCTLS_WRITTEN_TO:
        real = Path("/proc/sys") / setting
        copy = directory / "sysctls" / setting.replace("/", ".")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(real.read_text(encoding="utf-8"), encoding="utf-8")
        mount("--bind", str(copy), str(real))


def start(directory: Path, name: str, *command: str) -> int:
    """Start a program, with its output in a file of its own; its pid."""
    with (directory / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory).pid


def main(directory: Path) -> int:
    """Run both until either ends; the kernel kills the rest once this process is gone."""
    shield(directory)
    programs = {start(directory, "containerd", "containerd", "--config=containerd.toml"): "containerd"}
    deadline = time.monotonic() + SOCKET_SECONDS
    while not (directory / "containerd.sock").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    kubelet = (directory / "kubelet.command").read_text(encoding="utf-8").split("\n")
    programs[start(directory, "kubelet", *kubelet)] = "kubelet"
    while True:
        pid, status = os.wait()  # orphans of every container end here, too
        if pid in programs:
            print(f"{programs[pid]} ended with {os.waitstatus_to_exitcode(status)}", flush=True)
            return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
