"""Many resources at once: each submitted once, a vault never called twice at a time, two writes each."""

from ground.operator_process import eventually
from ground.story import Story
from ground.watcher import WriteCounter

VAULTS = 12
REGIONS = 5


def test_each_of_many_is_submitted_exactly_once(story: Story) -> None:
    story.secret()
    vaults = {}
    with story.operator(), WriteCounter(story.controlplane.api()) as writes:
        for vault in range(VAULTS):
            pair = story.pair(destinations=REGIONS)
            vaults[pair["source"]["vaultID"]] = [f"copy-{vault}-{region}" for region in range(REGIONS)]
            for name, destination in zip(vaults[pair["source"]["vaultID"]], pair["destinations"], strict=True):
                story.create(name, source=pair["source"], destination=destination, tracking={"enabled": False})
        for names in vaults.values():
            for name in names:
                story.wait_for(name, "TrackingDisabled", status="True")
        for vault in vaults:
            assert len(story.posts(vault)) == len(story.accepted(vault)) == REGIONS
            assert story.most_at_once(vault) == 1
            assert {call.destination_region for call in story.accepted(vault)} == {
                f"region{2 + region}" for region in range(REGIONS)
            }
        eventually(lambda: sum(writes.modified.values()) >= 2 * VAULTS * REGIONS)
        for (namespace, name), count in writes.modified.items():
            if namespace == story.namespace:
                # Three where it had to say that it waits, as one does after ten seconds on a slow machine.
                assert count == (3 if name in waited(writes) else 2), name


def waited(writes: WriteCounter) -> set[str]:
    """Who said at any time that it waits for its vault."""
    return {name for (_, name), reasons in writes.reasons.items() if "WaitingForVault" in reasons}
