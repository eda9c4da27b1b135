"""Resources that name a connection, in each of the three ways to authenticate."""

import itertools
import time
from datetime import UTC, datetime, timedelta

from ground.operator_process import eventually
from ground.simulator import Vault
from ground.story import Story

TOKEN = {"token": {"secretRef": {"name": "cbr"}}}
ACCESS_KEY = {"accessKey": {"secretRef": {"name": "cbr"}}}


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_login_serves_all_and_what_was_really_called_is_in_the_status(story: Story) -> None:
    story.put_secret("cbr", password=story.user() + "\n")
    made = story.connection()
    with story.operator() as operator:
        story.wait_ready()
        assert len(story.logins()) == 1
        vaults = [story.create_through(f"copy-{number}")["spec"]["source"]["vaultID"] for number in range(3)]
        for number, vault in enumerate(vaults):
            story.wait_for(f"copy-{number}", "AllReplicated")
            [call] = story.accepted(vault)
            assert call.token == story.logins()[0].token
            assert story.submission(f"copy-{number}")["target"] == {
                "endpoint": story.cloud.url,
                "region": "region1",
                "projectID": made["spec"]["projectID"],
                "vaultID": vault,
                "connectionUID": made["metadata"]["uid"],
            }
        assert len(story.logins()) == 1
        shown = story.request("GET", story.connection_path("prod"))["status"]
        assert shown["observedGeneration"] == 1
        assert shown["tokenExpiresAt"]
        assert [each["type"] for each in shown["conditions"]] == ["Ready"]
        gauge = f'token_expiry_timestamp_seconds{{kind="CBRConnection",name="prod",namespace="{story.namespace}"}}'
        assert gauge in operator.probe("metrics")[1]


def test_a_token_from_a_secret_says_when_it_ends_and_is_taken_anew_when_it_changes(story: Story) -> None:
    story.put_secret("cbr", token="token-of-a-connection-1", expiresAt=in_seconds(3600))
    story.connection(auth=TOKEN)
    with story.operator():
        assert "nobody renews it but you" in story.wait_ready("ExpiresSoon")
        vault = story.create_through("orders")["spec"]["source"]["vaultID"]
        story.wait_for("orders", "AllReplicated")
        assert story.accepted(vault)[0].token == "token-of-a-connection-1"
        story.put_secret("cbr", token="token-of-a-connection-1", expiresAt=in_seconds(-1))
        time.sleep(10)  # a Secret is read at most once in ten seconds
        story.create_through("later")  # its use shows the change
        story.wait_ready("Expired")
        story.wait_for("later", "WaitingForConnection")
        assert "CBRConnection 'prod' is not ready (Expired): The token in Secret 'cbr'" in story.message("later")
        assert story.condition("later", "Stalled") == ("True", "WaitingForConnection")
        assert story.submission("later") == {}
        story.put_secret("cbr", token="token-of-a-connection-2", expiresAt=in_seconds(86400))
        story.wait_for("later", "AllReplicated")
        story.wait_ready("Valid")


def test_an_access_key_signs_and_a_new_one_is_taken_when_the_secret_changes(story: Story) -> None:
    key, temporary = f"AK{story.namespace}", f"TK{story.namespace}"
    story.cloud.add_key(key, "secret-key-of-the-story")
    story.cloud.add_key(temporary, "secret-key-for-a-while", security_token="security-token-for-a-while")
    story.put_secret("cbr", accessKey=key, secretKey="secret-key-of-the-story")
    story.connection(auth=ACCESS_KEY)
    with story.operator():
        story.wait_ready()
        story.create_through("first")
        story.wait_for("first", "AllReplicated")
        story.put_secret(
            "cbr",
            accessKey=temporary,
            secretKey="secret-key-for-a-while",
            securityToken="security-token-for-a-while",
        )
        del story.cloud.iam.keys[key]
        time.sleep(10)  # as above
        story.create_through("second")
        story.wait_for("second", "AllReplicated")
        assert story.cloud.iam.bad_signatures[key] == story.cloud.iam.bad_signatures[temporary] == 0


def test_a_wrong_access_key_is_tried_three_times_and_no_more(story: Story) -> None:
    key = f"AK{story.namespace}"
    story.cloud.add_key(key, "the-right-secret-key")
    story.put_secret("cbr", accessKey=key, secretKey="the-wrong-secret-key")
    story.connection(auth=ACCESS_KEY)
    names = [f"copy-{number}" for number in range(5)]
    with story.operator():
        vaults = [story.create_through(name)["spec"]["source"]["vaultID"] for name in names]
        assert "three times in a row" in story.wait_ready("AuthenticationFailed", seconds=90)
        for name in names:
            story.wait_for(name, "AuthenticationFailed")
        story.create_through("later")
        story.wait_for("later", "AuthenticationFailed")
        assert story.cloud.iam.bad_signatures[key] == 3
        assert [story.posts(vault) for vault in vaults] == [[]] * 5
        story.put_secret("cbr", accessKey=key, secretKey="the-right-secret-key")
        for name in (*names, "later"):
            story.wait_for(name, "AllReplicated", seconds=90)
        story.wait_ready()


def test_a_wrong_password_is_not_tried_again_for_minutes_and_at_once_when_it_changes(story: Story) -> None:
    right = story.user()
    story.put_secret("cbr", password="not-the-password")
    story.connection()
    with story.operator() as operator:
        said = story.wait_ready("LoginFailed")
        assert "The username or password is wrong" in said
        assert "status.nextLoginTime" in said
        for number in range(3):
            story.create_through(f"copy-{number}")
        for number in range(3):
            story.wait_for(f"copy-{number}", "WaitingForConnection")
        assert "is not ready (LoginFailed)" in story.message("copy-0")
        operator.stop()
        operator.start()  # a new process must not lock the user, either
        story.create_through("after")
        story.wait_for("after", "WaitingForConnection")
        assert len(story.logins()) == 1
        story.put_secret("cbr", password=right)
        story.wait_for("copy-0", "AllReplicated")
        story.wait_for("after", "AllReplicated")
        story.wait_ready()
        assert len(story.logins()) == 2


def test_a_rotated_password_is_used_from_then_on(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    with story.operator():
        story.create_through("before")
        story.wait_for("before", "AllReplicated")
        story.put_secret("cbr", password=story.user())  # IAM has the new one, and takes the old one no more
        time.sleep(10)  # a Secret is read at most once in ten seconds
        vault = story.create_through("after")["spec"]["source"]["vaultID"]
        story.wait_for("after", "AllReplicated")
        first, second = story.logins()
        assert story.accepted(vault)[0].token == second.token != first.token


def test_what_is_missing_is_named_and_waited_for(story: Story) -> None:
    with story.operator():
        story.create_through("orders")
        story.wait_for("orders", "WaitingForConnection")
        assert f"CBRConnection 'prod' does not exist in namespace '{story.namespace}'" in story.message("orders")
        story.connection(caBundle={"configMapRef": {"name": "ca"}})
        assert "ConfigMap 'ca'" in story.wait_ready("CABundleNotFound")
        story.connection(caBundle=None)
        assert "Secret 'cbr'" in story.wait_ready("SecretNotFound")
        eventually(lambda: "SecretNotFound" in story.message("orders"))
        story.put_secret("cbr", password=story.user())
        story.wait_for("orders", "AllReplicated")


def test_a_token_ends_in_the_middle_of_following_and_a_new_login_goes_on(story: Story) -> None:
    story.put_secret("cbr", password=story.user(life=5))
    story.connection()
    story.cloud.change(copy_seconds=20)
    try:
        with story.operator():
            story.create_through("orders")
            story.wait_for("orders", "Replicating")
            story.wait_for("orders", "AllReplicated", seconds=90)
    finally:
        story.cloud.change(copy_seconds=0)
    logins = story.logins()
    assert len(logins) >= 3  # each after four of its five seconds
    assert all(later.came - earlier.came > 3 for earlier, later in itertools.pairwise(logins))


def test_a_token_that_is_refused_in_the_middle_of_following_is_renewed_once(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    story.cloud.change(copy_seconds=15)
    try:
        with story.operator():
            story.create_through("orders")
            story.wait_for("orders", "Replicating")
            story.cloud.iam.end_tokens()
            story.wait_for("orders", "AllReplicated", seconds=90)
    finally:
        story.cloud.change(copy_seconds=0)
    assert len(story.logins()) == 2


def test_tokens_that_the_cloud_refuses_fresh_from_a_login_are_not_asked_for_again_and_again(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    story.cloud.iam.refuses_tokens = True
    names = [f"copy-{number}" for number in range(3)]
    try:
        with story.operator():
            for name in names:
                story.create_through(name)
            assert "a token fresh from a login" in story.wait_ready("AuthenticationFailed")
            for name in names:
                story.wait_for(name, "AuthenticationFailed")
            assert "The status of its connection says what to do" in story.message(names[0])
            assert len(story.logins()) == 2
            story.cloud.iam.refuses_tokens = False
            story.connection(requestsPerSecond=20)  # a changed connection is a reason to try again
            for name in names:
                story.wait_for(name, "AllReplicated")
            assert len(story.logins()) == 3
    finally:
        story.cloud.iam.refuses_tokens = False


def test_a_changed_connection_leads_what_is_new_and_leaves_what_is_submitted(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    story.cloud.change(copy_seconds=10)
    other = story.cloud.url.replace("127.0.0.1", "[::1]")  # where nobody listens
    try:
        with story.operator(ALLOWED_ENDPOINTS="http://127.0.0.1:*, http://[::1]:*"):
            story.create_through("before")
            story.wait_for("before", "Replicating")
            iam = {"domainName": story.namespace, "userName": "dr", "secretRef": {"name": "cbr"}}
            story.connection(endpoint=other, auth={"password": {**iam, "iamEndpoint": story.cloud.url}})
            story.create_through("after")
            story.wait_for("after", "EndpointUnreachable")
            story.wait_for("before", "AllReplicated", seconds=90)
            assert story.submission("before")["target"]["endpoint"] == story.cloud.url
            assert story.submission("after")["target"]["endpoint"] == other
    finally:
        story.cloud.change(copy_seconds=0)


def test_a_deleted_connection_is_missed_and_followed_on_when_it_is_back(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    story.cloud.change(copy_seconds=20)
    try:
        with story.operator():
            story.create_through("orders")
            story.wait_for("orders", "Replicating")
            story.request("DELETE", story.connection_path("prod"))
            story.wait_for("orders", "CannotLook", seconds=90)
            assert "CBRConnection 'prod' does not exist" in story.message("orders")
            story.connection()
            story.wait_for("orders", "AllReplicated", seconds=90)
    finally:
        story.cloud.change(copy_seconds=0)


def test_a_source_in_another_region_or_project_than_its_connection(story: Story) -> None:
    story.put_secret("cbr", password=story.user())
    story.connection()
    elsewhere = Vault(project_id="e" * 32)
    story.cloud.add(elsewhere)
    pair = story.pair()
    with story.operator():
        story.create_through("region", source={**pair["source"], "region": "region9"}, destination=pair["destination"])
        story.wait_for("region", "WaitingForConnection")
        assert "is for region region1, and spec.source.region is region9" in story.message("region")
        named = {"vaultID": elsewhere.id, "projectID": elsewhere.project_id}
        story.create_through("project", source=named, destination=pair["destination"])
        story.wait_for("project", "NothingToReplicate")
        story.cloud.iam.users[story.namespace, "dr"].projects = frozenset({Vault().project_id})
        for project in ("a" * 32, "b" * 32):
            named = {"vaultID": elsewhere.id, "projectID": project}
            story.create_through(f"not-{project[:4]}", source=named, destination=pair["destination"])
            story.wait_for(f"not-{project[:4]}", "WaitingForConnection")
        assert story.ready()[1] == "Valid"
        assert len(story.logins()) == 3  # refused once for both: whoever names many projects locks nobody
        logins = [each.project for each in story.logins()]
        assert logins.count("a" * 32) + logins.count("b" * 32) == 1
