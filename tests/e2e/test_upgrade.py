"""Upgrade, uninstall and installing again, with calls to the cloud under way."""

import shutil
from pathlib import Path

import pytest
import yaml

from ground.helm import CHART, NAMESPACE
from ground.node.flights import Flights
from ground.node.release import Release
from ground.story import Story

PREVIOUS = "0.0.1"
COUNT = 20
CALL_SECONDS = 4.0


@pytest.fixture
def previous_chart(tmp_path: Path) -> Path:
    """The chart as a version before; until there is a release, that is this very chart."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": PREVIOUS, "appVersion": PREVIOUS}))
    return chart


def test_an_upgrade_with_calls_under_way_submits_nothing_twice_and_loses_nothing(
    release: Release, story: Story, previous_chart: Path
) -> None:
    release.install(chart=previous_chart, tag="previous")
    assert release.history()[-1]["chart"] == f"cbr-operator-{PREVIOUS}"
    before = release.pod()["metadata"]["uid"]
    settled, flying = Flights(story), Flights(story)
    settled.create_many("settled", COUNT, call_seconds=0)
    settled.each_is_submitted_once()

    flying.create_many("flying", COUNT, call_seconds=CALL_SECONDS)
    flying.wait_for_calls(COUNT // 2)
    release.install()

    assert release.pod()["metadata"]["uid"] != before
    assert release.history()[-1]["chart"] != f"cbr-operator-{PREVIOUS}"
    flying.each_is_submitted_once()
    settled.each_is_submitted_once()
    # The one that left was told to, and wrote down every answer: nothing had to be found out afterwards.
    assert {story.condition(name, "Submitted")[1] for name in flying.names} == {"Submitted"}


def test_uninstalling_leaves_resources_and_crds_and_installing_again_goes_on(release: Release, story: Story) -> None:
    settled, flying, later = Flights(story), Flights(story), Flights(story)
    settled.create_many("settled", COUNT, call_seconds=0)
    settled.each_is_submitted_once()
    flying.create_many("flying", COUNT, call_seconds=CALL_SECONDS)
    flying.wait_for_calls(COUNT // 2)

    said = release.uninstall()

    assert "checkpointreplications.cbr-operator.io" in said  # Helm tells what it keeps
    assert {story.condition(name)[1] for name in settled.names} == {"AllReplicated"}
    later.create("later", call_seconds=0)
    assert story.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")["items"] == []
    assert later.calls() == 0

    release.install()

    for flights in (settled, flying, later):
        flights.each_is_submitted_once()
