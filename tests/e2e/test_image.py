"""The image as it comes out of the Dockerfile."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cbr_operator import __version__
from ground.node.image import BASE, NAME, Builder

if TYPE_CHECKING:
    from concurrent.futures import Future

OURS = "opt/cbr-operator"
NOBODY = "12345:23456"


@pytest.fixture(scope="module")
def files(builder: Builder) -> Iterator[Path]:
    """Its files."""
    with builder.files(NAME) as folder:
        yield folder


def layers(builder: Builder, image: str) -> list[str]:
    found: list[str] = builder.config(image)["rootfs"]["diff_ids"]
    return found


def test_the_same_input_gives_the_same_layers(builder: Builder, built_again: "Future[str]") -> None:
    base, again = layers(builder, BASE), layers(builder, built_again.result())

    assert again == layers(builder, NAME)
    assert again[: len(base)] == base
    assert len(again) == len(base) + 2  # the requirements, and the package


def test_it_says_what_it_is_and_starts_the_program_as_nobody(builder: Builder) -> None:
    config = builder.config(NAME)["config"]

    assert config["Entrypoint"] == ["/opt/cbr-operator/bin/cbr-operator"]
    assert config["Cmd"] == ["run"]
    assert config["User"] == "65532:65532"
    assert config["Labels"]["org.opencontainers.image.title"] == "cbr-operator"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert {each.partition("=")[0] for each in config["Env"]} == {"PATH", "PYTHONDONTWRITEBYTECODE"}


def test_it_runs_as_a_user_that_the_image_has_never_heard_of(builder: Builder, files: Path) -> None:
    known = [line.split(":")[2] for line in (files / "etc" / "passwd").read_text().splitlines()]
    assert not {"65532", NOBODY.partition(":")[0]} & set(known)

    program = "/opt/cbr-operator/bin/cbr-operator"
    assert builder.run(NAME, program, "--version", user=NOBODY) == (0, f"cbr-operator, version {__version__}\n")
    code, said = builder.run(NAME, program, "run", user=NOBODY)
    assert code == 2
    assert "No Kubernetes configuration" in said
    assert "Traceback" not in said


def test_no_shell_stands_between_the_container_and_the_program(files: Path) -> None:
    script = (files / OURS / "bin" / "cbr-operator").read_text().splitlines()

    assert script[0] == "#!/opt/cbr-operator/bin/python3"
    assert (files / OURS / "bin" / "python3").is_symlink()


def test_only_what_runs_is_in_it(files: Path) -> None:
    packages = files / OURS / "lib" / "python3.13" / "site-packages"
    locked = Path(__file__).parents[2] / "requirements" / "run.txt"
    wanted = {line.partition("==")[0] for line in locked.read_text().splitlines() if "==" in line}
    installed = {
        each.name.partition("-")[0].replace("_", "-").replace(".", "-").lower() for each in packages.glob("*.dist-info")
    }

    assert installed == {each.replace("_", "-").replace(".", "-").lower() for each in wanted} | {"cbr-operator"}
    left_over = [files / each for each in ("wheels", "build", "package", "etc/pip.conf", "etc/apt/sources.list")]
    assert not [each for each in left_over if each.exists()]
    assert not (files / "root" / ".cache").exists()


def test_its_modules_are_compiled_without_the_time_of_their_sources(files: Path) -> None:
    compiled = list((files / OURS).rglob("*.pyc"))
    own = [each for each in compiled if each.parent.parent.name == "cbr_operator"]

    assert own
    for each in compiled:
        with each.open("rb") as file:
            (flags,) = struct.unpack("<4xI", file.read(8))
        assert flags == 1, each  # by the source's hash, which is not looked at (PEP 552)
