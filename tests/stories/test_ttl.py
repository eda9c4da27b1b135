"""What has ended is deleted in its time, with the exceptions; what is deleted leaves nothing behind."""

from functools import partial
from typing import Any

import pytest

from ground.controlplane.api import ApiError
from ground.operator_process import OperatorProcess, eventually
from ground.story import Story

LONG = 3600.0
SOON = {"SETTLE_SECONDS": "2", "REQUEST_TIMEOUT_SECONDS": "5"}


def is_gone(story: Story, name: str) -> bool:
    """Whether there is no object of this name (any more)."""
    try:
        story.get(name)
    except ApiError as error:
        if error.status == 404:
            return True
        raise
    return False


def is_kept(story: Story, name: str) -> bool:
    """Whether it says that it outlives its time."""
    return "It is kept although spec.ttlSecondsAfterFinished has passed" in story.message(name)


def counted(operator: OperatorProcess) -> dict[str, float]:
    """How many objects the operator knows, by the reason of Succeeded."""
    lines = operator.probe("metrics")[1].splitlines()
    found = [line.split('"') for line in lines if line.startswith("cbr_operator_replications{")]
    return {parts[1]: float(parts[2].removeprefix("} ")) for parts in found}


def test_what_has_ended_is_deleted_in_its_time(story: Story) -> None:
    story.secret()
    with story.operator() as operator:
        story.create("soon", ttlSecondsAfterFinished=3)
        story.create("at-once", ttlSecondsAfterFinished=0)
        story.create("later", ttlSecondsAfterFinished=3600)
        story.create("never")
        failed = story.pair()
        story.fault(failed["source"]["vaultID"], service="6128", status=400)
        story.create("refused", **failed, ttlSecondsAfterFinished=1)
        story.wait_for("later", "AllReplicated")
        story.wait_for("never", "AllReplicated")
        for name in ("soon", "at-once", "refused"):
            eventually(partial(is_gone, story, name))
        story.patch("later", {"ttlSecondsAfterFinished": 0})
        eventually(partial(is_gone, story, "later"))
        assert not is_gone(story, "never")
        eventually(lambda: counted(operator) == {"AllReplicated": 1.0})


def test_what_was_not_resolved_or_would_come_back_is_kept_and_says_so(story: Story) -> None:
    story.secret()
    story.cloud.change(shows_records=False, has_operation_logs=False)
    lost = story.pair()
    story.fault(lost["source"]["vaultID"], reset=True)
    marks = {
        "flux": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
        "helm": {"labels": {"helm.toolkit.fluxcd.io/name": "apps"}},
        "argo": {"annotations": {"argocd.argoproj.io/tracking-id": "apps:cbr-operator.io/CheckpointReplication"}},
    }
    off = {"tracking": {"enabled": False}, "ttlSecondsAfterFinished": 1}
    for name, metadata in marks.items():
        story.create(name, **off)
        story.patch_metadata(name, metadata)
    story.create("lost", **lost, **off)
    with story.operator(**SOON):
        story.create("free", **off)
        for name, said in (("flux", "Flux"), ("helm", "Flux (HelmRelease)"), ("argo", "Argo CD")):
            eventually(partial(is_kept, story, name))
            assert said in story.message(name)
            assert "would be submitted again" in story.message(name)
            assert story.condition(name) == ("True", "TrackingDisabled")
        eventually(partial(is_kept, story, "lost"))
        assert story.condition("lost") == ("False", "OutcomeUnresolved")
        eventually(partial(is_gone, story, "free"))
        version = story.get("flux")["metadata"]["resourceVersion"]
        story.patch_metadata("argo", {"annotations": {"argocd.argoproj.io/tracking-id": None}})
        eventually(partial(is_gone, story, "argo"))
        assert story.get("flux")["metadata"]["resourceVersion"] == version
        assert not is_gone(story, "lost")


@pytest.mark.timeout(180)
def test_deleted_in_the_middle_of_anything_it_leaves_nothing_behind(story: Story) -> None:
    token = story.secret("refused")
    story.refuse_token(token)
    story.secret()
    story.cloud.change(copy_seconds=LONG)
    pairs = {
        name: story.pair(destinations=2)
        for name in ("followed", "resolved", "waiting", "refused", "calling", "no-secret", "suspended", "busy")
    }
    vaults = {name: pair["source"]["vaultID"] for name, pair in pairs.items()}
    story.fault(vaults["resolved"], reset=True, after=True)
    story.fault(vaults["calling"], hang=True, reset=True)
    story.fault(vaults["busy"], service="6130", status=400, times=None)
    changes: dict[str, dict[str, Any]] = {
        "refused": {"tokenSecretRef": {"name": "refused"}},
        "no-secret": {"tokenSecretRef": {"name": "missing"}},
        "suspended": {"suspend": True},
    }
    # Long settle times would hold a lane for as long; the call under way is awaited.
    with story.operator(SETTLE_SECONDS="8", REQUEST_TIMEOUT_SECONDS="5") as operator:
        for name, pair in pairs.items():
            story.create(name, source=pair["source"], destination=pair["destinations"][0], **changes.get(name, {}))
        story.create("behind", source=pairs["followed"]["source"], destination=pairs["followed"]["destinations"][1])
        story.wait_for("followed", "Replicating")
        eventually(lambda: story.posts(vaults["calling"]))
        story.wait_for("no-secret", "WaitingForSecret")
        story.wait_for("refused", "AuthenticationFailed")
        story.wait_for("suspended", "Suspended")
        story.wait_for("busy", "WaitingForVault")
        eventually(lambda: story.submission("resolved"))
        for name in (*pairs, "behind"):
            story.delete(name)
        eventually(lambda: counted(operator) == {})
        story.release_faults()
        story.cloud.change(copy_seconds=0)
        story.cloud.finish_copying()

        # Each vault takes the next object: no lane is held for ever. What may be on its way holds it a while.
        for name, pair in pairs.items():
            story.create(f"next-{name}", source=pair["source"], destination=pair["destinations"][1])
        for name in pairs:
            story.wait_for(f"next-{name}", "AllReplicated", status="True", seconds=90)
            story.delete(f"next-{name}")
        # No poller looks at what is not there any more.
        eventually(lambda: counted(operator) == {})
        story.create("last")
        story.wait_for("last", "AllReplicated")
        story.cloud.change(copy_seconds=LONG)
        read = {name: story.cloud.gets_of(vault) for name, vault in vaults.items()}
        watched = story.create("watched")["spec"]["source"]["vaultID"]
        eventually(lambda: story.cloud.gets_of(watched) >= 4)
        assert read == {name: story.cloud.gets_of(vault) for name, vault in vaults.items()}
        assert [call.destination_region for call in story.accepted(vaults["followed"])] == ["region2", "region3"]
