"""Builds the image from the Dockerfile on this machine, from Debian's packages alone: no registry of images is needed.

The base image, the wheels and buildah's layers are kept in the user's cache, beside the built programs. Everything
that comes from outside is fetched with the machine's own settings of apt and pip, before the build, and handed in:
nothing of these settings gets into a layer.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ground.node.node import PAUSE_IMAGE

ROOT = Path(__file__).parents[3]
NAME = "localhost/cbr-operator"
BASE = "localhost/python-base:3.13"
_SUITE = "trixie"  # its Python is 3.13
_PACKAGES = ("ca-certificates", "python3", "python3-venv")
_UNWANTED = ("doc", "info", "locale", "man")
_WHEELS = "/wheels"
_MOST_UNNAMED = 12
"""How many images without a name, most of them steps of builds, are kept for the next build."""
# Whatever pip is set to on the machine: inside the build it takes what was fetched before.
_PIP_SETTINGS = f"[global]\nno-index = true\nfind-links = {_WHEELS}\n"
_BASE_DOCKERFILE = """FROM scratch
ADD base.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""
# What a Pod's namespaces are held by; on the same base, so that it costs nothing.
_PAUSE_DOCKERFILE = f'FROM {BASE}\nCMD ["sleep", "infinity"]\n'


class ImageError(RuntimeError):
    """The image could not be built; the message ends with what the builder said."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds images into a folder of its own; nobody else's images are touched, and no mount stays behind."""

    folder: Path = field(default_factory=lambda: cache_folder(os.environ))

    def build(self, *, tag: str = NAME, cached: bool = True) -> str:
        """Build the image; its id.

        Args:
            tag: The name to give it.
            cached: Take what was built before from the same input.

        Raises:
            ImageError: A step failed.

        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be building, too
            return self._build_image(tag, cached=cached)

    def export(self, archive: Path) -> None:
        """Write the image, and the one that Pods' namespaces need, into one OCI archive.

        Raises:
            ImageError: A step failed.

        """
        with tempfile.TemporaryDirectory(dir=archive.parent) as layout:
            for name in (f"{NAME}:latest", PAUSE_IMAGE):
                self._buildah("push", "--quiet", name, f"oci:{layout}:{name}")
            with tarfile.open(archive, "w") as tar:
                tar.add(layout, arcname=".")

    def config(self, image: str) -> dict[str, Any]:
        """The image's configuration, as OCI's image specification has it."""
        found: dict[str, Any] = json.loads(self._buildah("inspect", "--type=image", image))["OCIv1"]
        return found

    @contextmanager
    def files(self, image: str) -> Iterator[Path]:
        """The image's files, unpacked for as long as one looks at them."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder, self._container(image) as container:
            self._run(["sh", "-c", f'cp -a "$(buildah mount {container})/." {folder}'])
            yield Path(folder)

    def run(self, image: str, *command: str, user: str) -> tuple[int, str]:
        """Run a command in the image as a user; its exit code and what it said."""
        with self._container(image) as container:
            words = ["buildah", "run", "--isolation=chroot", f"--user={user}", container, "--", *command]
            done = self._start(words)
            return done.returncode, done.stdout + done.stderr

    @contextmanager
    def _container(self, image: str) -> Iterator[str]:
        container = self._buildah("from", "--pull-never", image)
        try:
            yield container
        finally:
            self._buildah("rm", container)

    # ------------------------------------------------------------------------------------------ the parts

    @property
    def _wheels(self) -> Path:
        return self.folder / "wheels"

    def _build_image(self, tag: str, *, cached: bool) -> str:
        self._prepare()
        options = ["--layers"] if cached else ["--layers", "--no-cache"]
        mounts = [f"{self._wheels}:{_WHEELS}:ro", f"{self.folder / 'pip.conf'}:/etc/pip.conf:ro"]
        self._tidy_up()
        return self._build(
            ROOT, *options, *(f"--volume={each}" for each in mounts), f"--build-arg=PYTHON_IMAGE={BASE}", tag=tag
        )

    def _prepare(self) -> None:
        self._wheels.mkdir(exist_ok=True)
        (self.folder / "pip.conf").write_text(_PIP_SETTINGS, encoding="utf-8")
        self._fetch_wheels()
        if not self._exists(BASE):
            self._make_base()
        if not self._exists(PAUSE_IMAGE):
            self._build_from(_PAUSE_DOCKERFILE, tag=PAUSE_IMAGE)

    def _tidy_up(self) -> None:
        """Forget all former steps once there are many: every change of the sources leaves some behind."""
        unnamed = self._buildah("images", "--quiet", "--filter=dangling=true").splitlines()
        if len(unnamed) > _MOST_UNNAMED:
            self._buildah("rmi", "--prune")

    def _fetch_wheels(self) -> None:
        """The wheels of the lock, for the image's Python; with none missing pip asks nobody."""
        locks = [ROOT / "requirements" / name for name in ("build.txt", "run.txt")]
        stamp = self._wheels / ".locks"
        wanted = "".join(lock.read_text(encoding="utf-8") for lock in locks)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        _say("fetching the wheels of the lock …")
        shutil.rmtree(self._wheels)
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        for lock in locks:
            where = ("--python-version=3.13", f"--dest={self._wheels}", f"--requirement={lock}")
            self._run([sys.executable, "-m", "pip", "download", *options, *where])
        stamp.write_text(wanted, encoding="utf-8")

    def _make_base(self) -> None:
        _say("making the base image from Debian packages (about a minute) …")
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            unwanted = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _UNWANTED]
            traces = '--customize-hook=rm -rf "$1"/etc/apt/sources.list*'
            mirror = _debian_mirror()
            command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
            self._run([*command, *unwanted, traces, _SUITE, f"{folder}/base.tar", *mirror])
            self._build_from(_BASE_DOCKERFILE, tag=BASE, folder=Path(folder))
        _say(f"made the base image in {time.monotonic() - begun:.0f} s")

    def _build_from(self, dockerfile: str, *, tag: str, folder: Path | None = None) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as empty:
            context = folder or Path(empty)
            (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
            self._build(context, tag=tag)

    def _build(self, context: Path, *options: str, tag: str) -> str:
        # No container engine is needed for the steps, and all times are the same ones.
        always = ("--quiet", "--isolation=chroot", "--timestamp=0", "--pull=never", f"--tag={tag}")
        return self._buildah("bud", *always, *options, str(context)).splitlines()[-1]

    def _exists(self, image: str) -> bool:
        return image in self._buildah("images", "--format={{.Name}}:{{.Tag}}").splitlines()

    def _buildah(self, *arguments: str) -> str:
        return self._run(["buildah", *arguments]).strip()

    def _start(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        # In a mount namespace of its own, so that no mount of the builder's stays behind.
        words = ["unshare", "--mount", *command]
        return subprocess.run(words, env={**os.environ, **self._store()}, capture_output=True, text=True, check=False)

    def _run(self, command: list[str]) -> str:
        done = self._start(command)
        if done.returncode:
            raise ImageError(f"{' '.join(command[:3])} … failed:\n{(done.stderr or done.stdout)[-4000:]}")
        return done.stdout

    def _store(self) -> Mapping[str, str]:
        settings = self.folder / "storage.conf"
        lines = ["[storage]", 'driver = "overlay"', *(f'{n} = "{self.folder / n}"' for n in ("graphroot", "runroot"))]
        settings.write_text("\n".join(lines), encoding="utf-8")
        return {"CONTAINERS_STORAGE_CONF": str(settings)}


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where images and what they are made of are kept."""
    cache = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cbr-operator" / "images"


def _debian_mirror() -> list[str]:
    """The mirror that apt takes Debian itself from, where it knows one; otherwise mmdebstrap has a default."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if "security" not in line]
    return found[:1]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
