"""A restart is never a failure: it writes nothing by itself, calls nobody about what is settled, and goes on."""

from functools import partial
from typing import Any

from ground.api_proxy import ApiProxy, Seen
from ground.operator_process import eventually
from ground.story import Story

LISTS = ("/checkpointreplications", "/checkpointreplicationschedules", "/cbrconnections")
LONG = 3600.0
SOON = {"SETTLE_SECONDS": "2", "REQUEST_TIMEOUT_SECONDS": "5"}


def test_after_a_restart_nothing_is_written_and_only_what_is_followed_is_looked_at(
    story: Story, proxy: ApiProxy
) -> None:
    story.secret()
    refused = story.pair()
    story.fault(refused["source"]["vaultID"], service="6128", status=400)
    lost = story.pair()
    story.fault(lost["source"]["vaultID"], reset=True, records_shown=0, after=True)
    ends: dict[str, tuple[dict[str, Any], str]] = {
        "copied": ({}, "AllReplicated"),
        "refused": (refused, "Rejected"),
        "lost": (lost, "OutcomeUnresolved"),
        "untracked": ({"tracking": {"enabled": False}}, "TrackingDisabled"),
        "suspended": ({"suspend": True}, "Suspended"),
        "elsewhere": ({"endpoint": "https://cbr.region1.evil.example"}, "EndpointNotAllowed"),
    }
    names = [*ends, "followed"]
    first = story.operator("first", **SOON).start()
    vaults = {name: story.create(name, **spec)["spec"]["source"]["vaultID"] for name, (spec, _) in ends.items()}
    for name, (_, reason) in ends.items():
        story.wait_for(name, reason)
    story.cloud.change(copy_seconds=LONG)
    followed = story.create("followed")["spec"]["source"]["vaultID"]
    eventually(partial(replicates, story, "followed"))
    first.stop()

    versions = {name: story.get(name)["metadata"]["resourceVersion"] for name in names}
    posts, read = len(story.cloud.received()), {vault: story.cloud.gets_of(vault) for vault in vaults.values()}
    before = story.cloud.gets_of(followed)
    with story.operator_behind(proxy, "second", **SOON) as operator:
        eventually(lambda: story.cloud.gets_of(followed) >= before + 3)
        assert {name: story.get(name)["metadata"]["resourceVersion"] for name in names} == versions
        assert proxy.writes() == []
        assert len(story.cloud.received()) == posts
        assert {vault: story.cloud.gets_of(vault) for vault in vaults.values()} == read
        story.cloud.finish_copying()
        story.wait_for("followed", "AllReplicated", status="True")
        assert len(proxy.writes()) == 1
        assert len(story.posts(followed)) == 1
        # Lists, and of single objects nothing but the Secret of what is followed.
        assert all(each.path.endswith(LISTS) or "/secrets/" in each.path for each in read_of_namespaces(proxy))
        assert operator.stop() == 0


def read_of_namespaces(proxy: ApiProxy) -> list[Seen]:
    """Everything in namespaces that was read of the API server, but for the watches."""
    return [each for each in proxy.seen if each.method == "GET" and not each.watches and "/namespaces/" in each.path]


def replicates(story: Story, name: str) -> bool:
    """Whether its backups are seen being copied."""
    return [each["state"] for each in story.get(name)["status"].get("backups", [])] == ["Replicating"] * 3
