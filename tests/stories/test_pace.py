"""Many resources over one connection: one login, within its requests a second, and no vault served out of turn."""

from ground.story import Story
from ground.turns import rate

PER_SECOND = 5
OFF = {"enabled": False}


def test_many_resources_share_a_connection_and_their_vaults_take_turns(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection(requestsPerSecond=PER_SECOND)
    large = story.pair(destinations=20)
    small = [story.pair(destinations=4) for _ in range(5)]
    vaults = {pair["source"]["vaultID"] for pair in (large, *small)}
    names = []
    for number, pair in enumerate((large, *small)):
        for destination in pair["destinations"]:
            names.append(f"copy-{number}-{destination['region']}")
            story.create_through(names[-1], source=pair["source"], destination=destination, tracking=OFF)
    with story.operator():
        for name in names:
            story.wait_for(name, "TrackingDisabled", seconds=90)
    assert len(story.logins()) == 1
    moments = [each.came for each in story.cloud.requests() if each.vault_id in vaults]
    assert rate(moments) <= PER_SECOND * 1.02
    calls = [call for vault in vaults for call in story.accepted(vault)]
    assert len(calls) == len(names)
    # Each small vault has four calls and the large one twenty: by turns, the small ones are done long before it.
    last_small = max(call.came for call in calls if call.vault_id != large["source"]["vaultID"])
    assert sum(call.came < last_small for call in story.accepted(large["source"]["vaultID"])) <= 12
