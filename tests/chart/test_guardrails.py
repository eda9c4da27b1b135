"""The guardrails: what the API server refuses when a resource is created, and how it says so."""

from collections.abc import Iterator
from typing import Any

import pytest

from ground.controlplane import ApiError
from ground.objects import DESTINATION, SOURCE
from ground.operator_process import eventually
from ground.release import LOCAL, Release
from ground.story import Story

OTHER = "ffffffff-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def forgotten(story: Story) -> Iterator[None]:
    """Whatever a test installs is no longer enforced when the next one begins; this too takes a moment."""
    yield
    eventually(lambda: not refused(story))


def install(release: Release, story: Story, **guardrails: Any) -> None:
    """Install them, and wait until the API server enforces them, which takes it a moment."""
    release.install({**LOCAL, "guardrails": guardrails})
    eventually(lambda: refused(story))


def refused(story: Story) -> bool:
    """Whether a replication from nowhere to nowhere is refused; it is gone again if it was let in."""
    nowhere = {"region": "nowhere", "projectID": OTHER, "vaultID": OTHER}
    try:
        story.create("probe", source={**nowhere, "region": "elsewhere"}, destination=nowhere)
    except ApiError as error:
        return error.status == 403
    story.delete("probe")
    return False


def refusal(story: Story, **spec: Any) -> str:
    with pytest.raises(ApiError) as caught:
        story.create("refused", **{"source": SOURCE, "destination": DESTINATION, **spec})
    assert caught.value.status == 403
    return str(caught.value)


def test_destinations_are_refused_with_what_is_allowed(release: Release, story: Story) -> None:
    allowed = {"region": "region2", "projectID": DESTINATION["projectID"].upper(), "vaultIDs": [DESTINATION["vaultID"]]}
    install(release, story, allowedDestinations=[allowed, {"region": "region3"}])
    story.create("exact", source=SOURCE, destination=DESTINATION)
    story.create(
        "other-form", source=SOURCE, destination={**DESTINATION, "vaultID": DESTINATION["vaultID"].replace("-", "")}
    )
    story.create("any-in-region3", source=SOURCE, destination={**DESTINATION, "region": "region3"})
    words = refusal(story, destination={**DESTINATION, "vaultID": OTHER})
    assert f"spec.destination (region2/{DESTINATION['projectID']}/{OTHER.replace('-', '')}) is not allowed" in words
    assert f"in namespace {story.namespace}" in words
    assert "region3/*/*" in words
    assert refusal(story, destination={**DESTINATION, "region": "region4"})
    assert refusal(story, destination={**DESTINATION, "projectID": SOURCE["projectID"]})


def test_sources_are_refused_with_what_is_allowed(release: Release, story: Story) -> None:
    install(release, story, allowedSources=[{"projectID": SOURCE["projectID"]}])
    story.create("allowed", source=SOURCE, destination=DESTINATION)
    words = refusal(story, source={**SOURCE, "projectID": DESTINATION["projectID"]})
    assert "spec.source" in words
    assert f"*/{SOURCE['projectID']}/*" in words


def test_a_namespace_may_have_lists_of_its_own(release: Release, story: Story) -> None:
    install(
        release,
        story,
        allowedDestinations=[{"region": "region2"}],
        allowedSources=[{"projectID": SOURCE["projectID"]}],
        namespaces={
            story.namespace: {"allowedDestinations": [{"region": "region5"}]},
            "other": {"allowedDestinations": [{"region": "region6"}]},
        },
    )
    story.create("own", source=SOURCE, destination={**DESTINATION, "region": "region5"})
    assert "region5/*/*" in refusal(story)
    assert "spec.source" in refusal(
        story, source={**SOURCE, "projectID": OTHER}, destination={**DESTINATION, "region": "region5"}
    )


def test_namespaces_that_are_not_named_are_free_without_a_general_list(release: Release, story: Story) -> None:
    install(
        release,
        story,
        allowedSources=[{"vaultIDs": [SOURCE["vaultID"]]}],
        namespaces={
            "other": {"allowedDestinations": [{"region": "region6"}]},
        },
    )
    story.create("anywhere", source=SOURCE, destination={**DESTINATION, "region": "region9"})


def test_what_is_there_can_be_changed_though_the_list_has_shrunk(release: Release, story: Story) -> None:
    story.create("before", source=SOURCE, destination=DESTINATION)
    install(release, story, allowedDestinations=[{"region": "region3"}])
    story.patch("before", {"suspend": True})
    story.patch_metadata("before", {"labels": {"changed": "yes"}})
    story.delete("before")


def test_a_source_that_a_connection_completes_must_be_written_out(release: Release, story: Story) -> None:
    install(release, story, allowedSources=[{"projectID": SOURCE["projectID"]}])
    connected = {"tokenSecretRef": None, "endpoint": None, "connectionRef": {"name": "prod"}}
    words = refusal(story, source={"vaultID": SOURCE["vaultID"]}, **connected)
    assert "spec.source" in words
    story.create("complete", source=SOURCE, destination=DESTINATION, **connected)


def test_long_lists_are_cut_and_not_left_out(release: Release, story: Story) -> None:
    places = [{"region": f"region-{number}", "vaultIDs": [OTHER]} for number in range(300)]
    install(release, story, allowedDestinations=places)
    story.create("last", source=SOURCE, destination={**DESTINATION, "region": "region-299", "vaultID": OTHER})
    words = refusal(story)
    assert "region-0/*/" in words
    assert "…" in words
