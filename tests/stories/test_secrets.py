"""Tokens that are not there yet, that are unusable, and that the cloud refuses."""

import pytest

from ground.operator_process import eventually
from ground.story import Story


@pytest.mark.parametrize(
    ("key", "token", "part"),
    [
        ("", "", "does not exist"),
        ("other", "tok-in-another-key", "no key 'token'"),
        ("token", "  \n", "is empty"),
        ("token", "tok-first-line\ntok-second-line", "line break"),
    ],
    ids=["no Secret", "no key", "empty", "line break"],
)
def test_it_waits_for_a_usable_token_and_goes_on_by_itself(story: Story, key: str, token: str, part: str) -> None:
    if key:
        story.secret(token=token, key=key)
    with story.operator():
        created = story.create("orders")
        story.wait_for("orders", "WaitingForSecret")
        assert story.condition("orders", "Accepted") == ("Unknown", "WaitingForSecret")
        for word in ("'cbr-token'", "'token'", part):
            assert word in story.message("orders", "Accepted")
        eventually(lambda: ("Warning", "WaitingForSecret") in story.events("orders"))
        token = story.secret()
        story.wait_for("orders", "Replicating", seconds=15)
        [call] = story.accepted(created["spec"]["source"]["vaultID"])
        assert call.token == token


def test_white_space_around_a_token_does_no_harm(story: Story) -> None:
    story.secret(token=" tok-with-space-around \n")
    with story.operator():
        created = story.create("orders")
        story.wait_for("orders", "Replicating")
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
            story.wait_for(name, "Replicating", seconds=90)
