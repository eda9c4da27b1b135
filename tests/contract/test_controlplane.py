"""The control plane is a real one, speaks TLS that is verified, and goes with whoever started it."""

import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from ground.controlplane import Api, ApiError, ControlPlane, KubectlError
from ground.operator_process import eventually

TESTS = Path(__file__).parent.parent


def test_kubectl_reaches_a_real_api_server(controlplane: ControlPlane) -> None:
    done = controlplane.kubectl("version")

    assert "Server Version: v1." in done.stdout


def test_certificate_is_verified(controlplane: ControlPlane, tmp_path: Path) -> None:
    paths = ssl.get_default_verify_paths()
    stranger = Path(paths.cafile or paths.openssl_cafile)
    assert stranger.exists()

    with pytest.raises(OSError, match="certificate verify failed"):
        Api(url=controlplane.url, ca_file=stranger, token=controlplane.admin_token).request("GET", "/readyz")


def test_a_wrong_token_is_refused(controlplane: ControlPlane) -> None:
    with pytest.raises(ApiError) as refused:
        controlplane.api(token="wrong").request("GET", "/api/v1/namespaces")

    assert refused.value.status == 401


def test_a_service_account_may_do_what_rbac_grants_and_no_more(controlplane: ControlPlane, namespace: str) -> None:
    controlplane.kubectl("-n", namespace, "create", "serviceaccount", "reader")
    controlplane.kubectl("-n", namespace, "create", "role", "reader", "--verb=list", "--resource=configmaps")
    controlplane.kubectl(
        *("-n", namespace, "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader")
    )
    kubeconfig = controlplane.service_account_kubeconfig("reader", namespace=namespace)

    user = f"system:serviceaccount:{namespace}:reader"
    assert user in controlplane.kubectl("auth", "whoami", kubeconfig=kubeconfig).stdout
    # RBAC learns of a new binding through its own watch.
    eventually(
        lambda: controlplane.kubectl("get", "configmaps", kubeconfig=kubeconfig, check=False).returncode == 0,
        what="the role counts",
    )
    with pytest.raises(KubectlError, match=f'User "{user}" cannot list resource "secrets"'):
        controlplane.kubectl("get", "secrets", kubeconfig=kubeconfig)


def test_an_outage_refuses_connections_and_keeps_port_and_data() -> None:
    with ControlPlane() as plane:
        url = plane.url
        plane.kubectl("create", "configmap", "kept")
        plane.stop_apiserver()
        assert "refused" in plane.kubectl("get", "configmap", check=False).stderr
        plane.start_apiserver()
        assert plane.kubectl("get", "configmap", "kept", "-o", "name").stdout == "configmap/kept\n"
        plane.restart_apiserver(kill=True)
        assert plane.kubectl("get", "configmap", "kept", "-o", "name").stdout == "configmap/kept\n"
        assert plane.url == url
    assert not plane.directory.exists()


def test_the_controller_manager_removes_what_lost_its_owner(controller_manager: ControlPlane, namespace: str) -> None:
    controller_manager.kubectl("-n", namespace, "create", "configmap", "owner")
    uid = controller_manager.kubectl("-n", namespace, "get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid.stdout}
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owned = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    controller_manager.request("POST", path, body=owned)

    controller_manager.kubectl("-n", namespace, "delete", "configmap", "owner")

    controller_manager.kubectl("-n", namespace, "wait", "--for=delete", "configmap/owned", "--timeout=90s")


def test_a_killed_program_leaves_no_process_and_no_data() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ground.controlplane"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        line = program.stdout.readline()
        kubeconfig = Path(line.removeprefix("export KUBECONFIG=").strip())
        assert kubeconfig.exists()
        os.kill(program.pid, signal.SIGKILL)

    eventually(lambda: not kubeconfig.parent.exists(), what="the data are gone")
    eventually(lambda: not working_in(kubeconfig.parent), what="its programs are gone")


def working_in(directory: Path) -> list[str]:
    """The command lines of processes whose working directory this is, or was before it was removed."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
        except OSError:  # it ended, or is somebody else's
            continue
        if str(where).removesuffix(" (deleted)") == str(directory):
            found.append((process / "cmdline").read_text())
    return found
