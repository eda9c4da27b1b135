"""What the image is built from: the files that a builder is given, the locks, and the wheel; no builder is needed."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from cbr_operator import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "cbr_operator"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_matched(path: str, pattern: str) -> bool:
    """Whether a pattern of .dockerignore matches a path or a folder it is in; ``**/`` stands for any folders."""
    whole = PurePosixPath(path)
    for each in (whole, *whole.parents):
        tail = pattern.removeprefix("**/")
        if each.match(tail) and (tail != pattern or len(each.parts) == len(PurePosixPath(pattern).parts)):
            return True
    return False


def is_in_context(path: str) -> bool:
    """Whether a builder is given this file: the last pattern that matches decides."""
    wanted = True
    for pattern in patterns():
        if is_matched(path, pattern.removeprefix("!")):
            wanted = pattern.startswith("!")
    return wanted


def files_under_git() -> list[str]:
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_builder_is_given_the_package_the_locks_and_nothing_else() -> None:
    given = {each for each in files_under_git() if is_in_context(each)}
    package = {each for each in files_under_git() if each.startswith("operator/cbr_operator/")}

    assert package
    assert given == package | {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "requirements/build.txt",
        "requirements/run.txt",
    }


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "kubeconfig",
        "operator/cbr_operator/__pycache__/app.cpython-313.pyc",
        "operator/cbr_operator/kube/__pycache__/lease.cpython-313.pyc",
        "requirements/dev.txt",
        "tests/conftest.py",
        "manifests/samples/10-secret.yaml",
    ],
)
def test_what_lies_about_in_a_checkout_is_not_given(path: str) -> None:
    assert not is_in_context(path)


def test_every_file_the_dockerfile_copies_is_given() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()[:-1]]

    assert sources
    for source in sources:
        path = ROOT / source
        files = [path] if path.is_file() else list(path.rglob("*.py"))
        assert files
        assert all(is_in_context(each.relative_to(ROOT).as_posix()) for each in files)


@pytest.mark.parametrize("name", ["run.txt", "build.txt"])
def test_every_requirement_of_the_image_has_one_version_and_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=\w)", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]

    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+ \\\n", entry), entry
        assert "--hash=sha256:" in entry
    assert "://" not in text


def test_the_locks_of_the_image_agree_with_what_the_tests_run_with() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    tested = versions("dev.txt")
    for name in ("run.txt", "build.txt"):
        assert versions(name).items() <= tested.items()


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    command = "pip wheel --quiet --no-deps --no-build-isolation --disable-pip-version-check --wheel-dir"
    subprocess.run([sys.executable, "-m", *command.split(), tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as unpacked:
        names = set(unpacked.namelist())

    sources = {each.relative_to(ROOT / "operator").as_posix() for each in PACKAGE.rglob("*") if each.is_file()}
    expected = {each for each in sources if "__pycache__" not in each}
    about = f"cbr_operator-{__version__}.dist-info"
    assert {each for each in names if not each.startswith(about)} == expected
    assert {f"{about}/METADATA", f"{about}/entry_points.txt", f"{about}/licenses/LICENSE"} <= names


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    assert f"ARG VERSION={__version__}\n" in DOCKERFILE


def test_the_image_starts_the_program_itself_as_a_user_by_number() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]

    assert 'ENTRYPOINT ["/opt/cbr-operator/bin/cbr-operator"]\nCMD ["run"]\n' in last_stage
    assert re.search(r"^USER \d+:\d+$", last_stage, re.MULTILINE)
    assert "RUN " not in last_stage


def test_no_registry_but_the_documented_default_is_named() -> None:
    assert set(re.findall(r"[\w.-]+\.(?:io|com|org)/\S+", DOCKERFILE)) == {"docker.io/library/python:3.13-slim"}
