"""Tokens that are not there yet, that are unusable, and that the cloud refuses."""

import functools

from ground.operator_process import eventually
from ground.story import Story

UNUSABLE = [
    ("none", "", "", "does not exist"),
    ("other-key", "other", "tok-in-another-key", "no key 'token'"),
    ("empty", "token", "  \n", "is empty"),
    ("two-lines", "token", "tok-first-line\ntok-second-line", "line break"),
]


def test_it_waits_for_a_usable_token_and_goes_on_by_itself(story: Story) -> None:
    vaults = {}
    for name, key, token, _ in UNUSABLE:
        if key:
            story.secret(name, token=token, key=key)
        made = story.create(name, tokenSecretRef={"name": name})
        vaults[name] = made["spec"]["source"]["vaultID"]
    with story.operator():
        for name, _, _, part in UNUSABLE:
            story.wait_for(name, "WaitingForSecret")
            assert story.condition(name, "Accepted") == ("Unknown", "WaitingForSecret")
            for word in (f"'{name}'", "'token'", part):
                assert word in story.message(name, "Accepted")
            assert ("Warning", "WaitingForSecret") in eventually(functools.partial(story.events, name))
        tokens = {name: story.secret(name) for name, *_ in UNUSABLE}
        for name, token in tokens.items():
            [call] = eventually(functools.partial(story.accepted, vaults[name]), seconds=15)
            assert call.token == token


def test_white_space_around_a_token_does_no_harm(story: Story) -> None:
    story.secret(token=" tok-with-space-around \n")
    with story.operator():
        created = story.create("orders")
        story.wait_for("orders", "AllReplicated")
        [call] = story.accepted(created["spec"]["source"]["vaultID"])
        assert call.token == "tok-with-space-around"


def test_a_refused_token_holds_everybody_with_it_and_is_not_tried_again_before_its_secret_changed(
    story: Story,
) -> None:
    refused = story.secret()
    story.refuse_token(refused)
    with story.operator():
        story.create("first")
        story.wait_for("first", "AuthenticationFailed")
        vaults = [story.create(name)["spec"]["source"]["vaultID"] for name in ("second", "third")]
        for name in ("second", "third"):
            story.wait_for(name, "AuthenticationFailed")
            assert "Put a new token into the Secret" in story.message(name)
            assert story.submission(name) == {}
        assert [story.posts(vault) for vault in vaults] == [[], []]
        story.secret()
        for name in ("first", "second", "third"):
            story.wait_for(name, "AllReplicated", seconds=90)
