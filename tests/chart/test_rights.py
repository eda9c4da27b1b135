"""The rights that the chart gives: enough for everything the operator does, and none that it does not use."""

from ground.controlplane import ControlPlane
from ground.operator_process import eventually
from ground.policy_story import Policies
from ground.release import LOCAL, Release
from ground.rights import RBAC, given, used
from ground.schedule_story import Schedules
from ground.story import Story

SWEPT = (
    ("", "namespaces"),
    ("cbr-operator.io", "checkpointreplicationschedules"),
    ("cbr-operator.io", "clustercheckpointreplicationpolicies"),
    ("cbr-operator.io", "cbrconnections"),
    ("cbr-operator.io", "clustercbrconnections"),
)


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
    eventually(lambda: "orders" not in story.names(), what="what has ended is deleted")
    assert len(story.posts(vault)) == 1
    assert story.events("billing")
    story.connection(caBundle={"configMapRef": {"name": "not-there"}})
    story.wait_ready("CABundleNotFound")
    schedules = Schedules(story)
    schedules.create()
    schedules.wait_for("Scheduled")
    schedules.run_now("please")
    schedules.wait_for_run_now("please")


def tell_of_the_cluster(story: Story) -> None:
    """What is added where every namespace is watched."""
    story.connection("everywhere", kind="ClusterCBRConnection", allowedNamespaces={"from": "All"})
    story.wait_ready("SecretNotFound", name="everywhere", kind="ClusterCBRConnection")
    policies = Policies(story)
    try:
        namespace = policies.namespace(policies.pair_line())
        policies.create()
        policies.wait_for_schedules(namespace, 1)
        eventually(policies.counts, what="the policy's status is written")
        policies.patch_namespace(namespace, labels={"story": None})
        policies.wait_for_schedules(namespace, 0)
    finally:
        policies.end()


def unused(controlplane: ControlPlane, release: Release) -> set[tuple[str, str, str]]:
    """The rights that were not used, but for those of the sweep, which comes every ten minutes.

    It reads again what changed in a gap of the watch; tests/unit and tests/stories show it for each kind.
    """
    swept = {("get", group, plural) for group, plural in SWEPT}
    return set(given(controlplane, release)) - used(controlplane, release) - swept


def test_every_right_is_used_and_none_is_missing(crds: ControlPlane, release: Release, story: Story) -> None:
    release.install(LOCAL)
    with story.take(release.operator()):
        tell(story)
        tell_of_the_cluster(story)
    assert set(given(crds, release))
    assert unused(crds, release) == set()


def test_a_list_of_namespaces_needs_no_right_in_the_rest_of_the_cluster(
    crds: ControlPlane, release: Release, story: Story
) -> None:
    release.install({**LOCAL, "watchNamespaces": [story.namespace]})
    objects = release.helm.run("get", "manifest", release.name, "--namespace", release.namespace)
    assert "kind: ClusterRoleBinding" not in objects
    with story.take(release.operator()):
        tell(story)
    assert unused(crds, release) == set()


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
