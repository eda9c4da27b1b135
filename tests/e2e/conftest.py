"""What every test here stands on: one real node, the image from the Dockerfile, the chart installed by helm."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from ground.controlplane import NODE, PROGRAMS, AssetsError, ControlPlane, ensure_assets
from ground.node import Node
from ground.node.image import NAME, Builder, ImageError
from ground.node.prerequisites import lacking
from ground.node.release import Release
from ground.simulator import Simulator
from ground.story import Story

AFTER_ALL_OTHERS = "test_an_api_server_that_is_away_for_a_minute_is_no_reason_to_kill"
PREVIOUS = "previous"
"""The image's tag in the release that is upgraded."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starting Pods and waiting for a minute takes longer than any other test.

    After an outage of the API server all that watch it wait for up to a minute until they ask again: nobody else is to
    wait for them.
    """
    items.sort(key=lambda item: item.name == AFTER_ALL_OTHERS)
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.timeout(400))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say in one line what the machine lacks, and build what is built once, before any test runs."""
    if session.config.option.collectonly or not any("e2e" in item.path.parts for item in session.items):
        return
    if line := lacking():
        raise pytest.UsageError(line)
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure_assets((*PROGRAMS, *NODE))
            Builder().build()
    except (AssetsError, ImageError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def builder() -> Builder:
    """What builds images; the one from the Dockerfile is built already."""
    return Builder()


@pytest.fixture(scope="session")
def built_again(builder: Builder) -> Iterator["Future[str]"]:
    """The image built once more from nothing but the base, in the background; its id."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(builder.build, tag=f"{NAME}:again", cached=False)


@pytest.fixture(scope="session", autouse=True)
def begin_early(request: pytest.FixtureRequest) -> None:
    """Build in the background while other tests wait for Pods, if any test wants that build."""
    if any("built_again" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("built_again")


@pytest.fixture(scope="session")
def node(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The node, with the image on it."""
    archive = tmp_path_factory.mktemp("image") / "images.tar"
    with ThreadPoolExecutor() as pool:
        exported: Future[None] = pool.submit(builder.export, archive)
        with Node() as started:
            exported.result()
            started.import_images(archive)
            archive.unlink()
            started.tag_image(f"{NAME}:latest", f"{NAME}:{PREVIOUS}")
            yield started


@pytest.fixture(scope="session")
def controlplane(node: Node) -> ControlPlane:
    """The API server that everything the tests share speaks to is the node's."""
    return node.plane


@pytest.fixture(scope="session")
def cloud() -> Iterator[Simulator]:
    """One simulated cloud; each test has vaults of its own."""
    with Simulator(copy_seconds=0) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def helm_release(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release, not installed yet."""
    return Release(node, tmp_path_factory.mktemp("helm"))


@pytest.fixture
def release(helm_release: Release) -> Release:
    """The release, installed and ready, its container never restarted."""
    helm_release.install()
    if helm_release.container()["restartCount"]:
        helm_release.restart()
    return helm_release


@pytest.fixture
def story(
    release: Release, controlplane: ControlPlane, cloud: Simulator, namespace: str, tmp_path: Path
) -> Iterator[Story]:
    """A story in a namespace of its own, with a Secret. After it, no token may be found anywhere."""
    told = Story(controlplane, cloud, namespace, tmp_path)
    told.secret()
    yield told
    told.end()
