"""Explores every world that a test asks for, on all cores at once, and tells at the end how much that was."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from model.laws import log_kept
from model.worlds import PROCESSES, Explored, depth_of, explored

_EXPLORED: list[Explored] = []
WAYS: list[int] = []
"""How long each way was that hypothesis chose."""


@pytest.fixture(scope="session")
def explorations(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Explored]]]:
    """All explorations that the tests of this session ask for, the longest first, under way."""
    items = [each for each in request.session.items if isinstance(each, pytest.Function)]
    names = {str(each.callspec.params["world"]) for each in items if "exploration" in each.fixturenames}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        jobs = {name: pool.submit(explored, name) for name in sorted(names, key=lambda each: -depth_of(each))}
        yield jobs
        for job in jobs.values():
            job.cancel()


@pytest.fixture
def exploration(explorations: dict[str, Future[Explored]], world: str) -> Explored:
    """What came of exploring this world; a law that is broken in it is raised here."""
    result = explorations[world].result()
    _EXPLORED.append(result)
    return result


@pytest.fixture
def log() -> Iterator[None]:
    """The operator's log goes to the laws."""
    with log_kept():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was explored."""
    if not (_EXPLORED or WAYS):
        return
    terminalreporter.section("explored")
    for depth in sorted({each.depth for each in _EXPLORED}):
        these = [each for each in _EXPLORED if each.depth == depth]
        states, steps, paths = (
            sum(getattr(each.count, what) for each in these) for what in ("states", "steps", "paths")
        )
        terminalreporter.write_line(
            f"every way with at most {depth} faults, in {len(these)} worlds: {states} states, {steps} steps, "
            f"{paths} ways, {sum(each.seconds for each in these):.0f} s of one core"
        )
    if WAYS:
        terminalreporter.write_line(
            f"beyond that, with many faults: {len(WAYS)} ways chosen by hypothesis, {sum(WAYS)} steps"
        )
