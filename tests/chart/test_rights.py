"""The rights that the chart gives: enough for everything the operator does, and none that it does not use."""

from ground.controlplane import ControlPlane
from ground.operator_process import eventually
from ground.release import LOCAL, Release
from ground.rights import RBAC, given, used
from ground.story import Story


def tell(story: Story) -> None:
    """Everything that an operator ever does on the API server."""
    story.secret()
    pair = story.pair()
    vault = pair["source"]["vaultID"]
    story.fault(vault, hang=True, after=True)
    story.create("orders", **pair, ttlSecondsAfterFinished=1)
    eventually(lambda: story.accepted(vault))
    story.patch_metadata("orders", {"labels": {"changed": "during-the-call"}})  # so that it must be read again
    story.create("billing")
    story.wait_for("billing", "AllReplicated")
    story.release_faults()
    eventually(lambda: story.names() == ["billing"], what="what has ended is deleted")
    assert len(story.posts(vault)) == 1
    assert story.events("billing")


def test_every_right_is_used_and_none_is_missing(crds: ControlPlane, release: Release, story: Story) -> None:
    release.install(LOCAL)
    with story.take(release.operator()):
        tell(story)
    rights = set(given(crds, release))
    assert rights
    assert rights - used(crds, release) == set()


def test_a_list_of_namespaces_needs_no_right_in_the_rest_of_the_cluster(
    crds: ControlPlane, release: Release, story: Story
) -> None:
    release.install({**LOCAL, "watchNamespaces": [story.namespace]})
    objects = release.helm.run("get", "manifest", release.name, "--namespace", release.namespace)
    assert "kind: ClusterRoleBinding" not in objects
    with story.take(release.operator()):
        tell(story)
    rights = set(given(crds, release))
    assert rights - used(crds, release) == set()


def test_without_cluster_wide_objects_an_administrator_of_namespaces_can_install_it(
    crds: ControlPlane, release: Release, namespace: str
) -> None:
    values = {**LOCAL, "watchNamespaces": [namespace], "rbac": {"userRoles": False}}
    kinds = {kind for kind, _ in release.helm.objects(values)}
    assert not kinds & {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy"}


def test_only_named_secrets_can_be_read(crds: ControlPlane, release: Release, story: Story) -> None:
    release.install({**LOCAL, "rbac": {"secretNames": ["cbr-token"]}})
    story.secret("cbr-token")
    story.secret("other-token")
    with story.take(release.operator()):
        story.create("with-the-named", tokenSecretRef={"name": "cbr-token"})
        story.create("with-another", tokenSecretRef={"name": "other-token"})
        story.wait_for("with-the-named", "AllReplicated")
        eventually(lambda: story.condition("with-another", "Accepted") == ("Unknown", "WaitingForSecret"))
        assert "Check that the operator may get Secrets" in story.message("with-another", "Accepted")


def test_what_users_may_do(controller_manager: ControlPlane, crds: ControlPlane, release: Release) -> None:
    release.install(LOCAL)
    for role in ("view", "edit", "admin"):
        path = f"{RBAC}/namespaces/{release.namespace}/rolebindings"
        subject = {"kind": "User", "name": f"{role}er", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
        body = {"metadata": {"name": role}, "subjects": [subject], "roleRef": reference}
        crds.request("POST", path, body=body)

    def may(user: str, verb: str, *options: str) -> bool:
        what = ("checkpointreplications.cbr-operator.io", "--as", user, "-n", release.namespace, *options)
        return crds.kubectl("auth", "can-i", verb, *what, check=False).stdout.strip() == "yes"

    eventually(lambda: may("viewer", "list") and may("editer", "create") and may("adminer", "delete"))
    assert not may("viewer", "create")
    assert not may("nobody", "list")
    assert not may("editer", "patch", "--subresource=status")
