"""Upgrade, uninstall and installing again, with calls to the cloud under way."""

import shutil
from pathlib import Path

import pytest
import yaml

from ground.helm import CHART, NAMESPACE
from ground.node.release import Release
from ground.operator_process import eventually
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


def create_many(story: Story, prefix: str, *, call_seconds: float = CALL_SECONDS) -> dict[str, str]:
    """So many replications whose calls take so long; each one's name and source vault."""
    made = {}
    for number in range(COUNT):
        pair = story.pair()
        made[f"{prefix}-{number}"] = vault = pair["source"]["vaultID"]
        if call_seconds:
            story.fault(vault, after=True, latency=call_seconds)
        story.create(f"{prefix}-{number}", **pair)
    return made


def wait_for_calls(story: Story, made: dict[str, str]) -> None:
    """Wait until the cloud has taken some of the calls, which it does not answer yet."""
    eventually(lambda: sum(bool(story.accepted(vault)) for vault in made.values()) >= COUNT // 2)


def each_is_submitted_once(story: Story, made: dict[str, str]) -> None:
    """All come to their good end, and the cloud took one call for each."""
    for name in made:
        story.wait_for(name, "AllReplicated", seconds=90)
    assert {name: len(story.accepted(vault)) for name, vault in made.items()} == dict.fromkeys(made, 1)


def test_an_upgrade_with_calls_under_way_submits_nothing_twice_and_loses_nothing(
    release: Release, story: Story, previous_chart: Path
) -> None:
    release.install(chart=previous_chart, tag="previous")
    assert release.history()[-1]["chart"] == f"cbr-operator-{PREVIOUS}"
    before = release.pod()["metadata"]["uid"]
    settled = create_many(story, "settled", call_seconds=0)
    each_is_submitted_once(story, settled)

    made = create_many(story, "flying")
    wait_for_calls(story, made)
    release.install()

    assert release.pod()["metadata"]["uid"] != before
    assert release.history()[-1]["chart"] != f"cbr-operator-{PREVIOUS}"
    each_is_submitted_once(story, made)
    each_is_submitted_once(story, settled)
    # The one that left was told to, and wrote down every answer: nothing had to be found out afterwards.
    assert {story.condition(name, "Submitted")[1] for name in made} == {"Submitted"}


def test_uninstalling_leaves_resources_and_crds_and_installing_again_goes_on(release: Release, story: Story) -> None:
    settled = create_many(story, "settled", call_seconds=0)
    each_is_submitted_once(story, settled)
    made = create_many(story, "flying")
    wait_for_calls(story, made)

    said = release.uninstall()

    assert "checkpointreplications.cbr-operator.io" in said  # Helm tells what it keeps
    assert {story.condition(name)[1] for name in settled} == {"AllReplicated"}
    story.create("later", **(later := story.pair()))
    assert story.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")["items"] == []
    assert story.posts(later["source"]["vaultID"]) == []

    release.install()

    each_is_submitted_once(story, {**settled, **made, "later": later["source"]["vaultID"]})
