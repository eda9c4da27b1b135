"""``make demo``: one replication from ``kubectl apply`` on, on a real API server and a simulated cloud.

Everything runs on this machine, on loopback, and is gone afterwards; with KEEP=1 it stays until Ctrl-C.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from ground.controlplane import AssetsError, ControlPlane
from ground.operator_process import OperatorProcess, eventually
from ground.simulator import Simulator

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "manifests" / "samples"
NAME = "orders-to-region2"
COPY_SECONDS = 6.0
POLLING = {"POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "2"}
"""Copying takes hours in a real cloud, and the operator looks every 15 seconds to 5 minutes."""
TOKEN = "a-token-of-the-demo"


def main() -> None:
    """Run the demonstration."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="cbr-demo-") as folder,
            ControlPlane() as plane,
            Simulator(copy_seconds=COPY_SECONDS) as cloud,
        ):
            _show(plane, cloud, Path(folder))
    except AssetsError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("\nEverything has been stopped and removed.")


def _show(plane: ControlPlane, cloud: Simulator, folder: Path) -> None:
    cloud.add_documented_example()
    _say("A Kubernetes API server and a simulated cloud are up. First the kinds:")
    _kubectl(plane, "apply", "-f", "manifests/crds/")
    _kubectl(plane, "wait", "--for=condition=Established", "-f", "manifests/crds/")
    eventually(lambda: plane.kubectl("explain", "cpr", check=False).returncode == 0)  # discovery comes a moment later
    operator = OperatorProcess(kubeconfig=plane.kubeconfig, log=folder / "operator.log", settings=POLLING)
    with operator:
        _say("The operator runs (cbr-operator run). Now a namespace, a Secret with a token, and one resource:")
        _apply_and_watch(plane, cloud)
        _report(plane, cloud)
        if os.environ.get("KEEP"):
            _keep(plane, cloud, operator, folder)
        else:
            print("\nTry next: make demo KEEP=1 leaves all this running for your own kubectl.")


def _say(words: str) -> None:
    print(f"\n{words}", flush=True)


def _kubectl(plane: ControlPlane, *arguments: str) -> None:
    """Show a kubectl command and what it says."""
    print(f"  $ kubectl {shlex.join(arguments)}", flush=True)
    paths = [str(ROOT / each) if each.startswith("manifests/") else each for each in arguments]
    print(_indented(plane.kubectl(*paths).stdout), flush=True)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _apply_samples(plane: ControlPlane, cloud: Simulator) -> None:
    """The samples as they are, but for the endpoint, which is the simulated cloud's, and the token."""
    print(f"  $ kubectl apply -f manifests/samples/      # with endpoint: {cloud.url}", flush=True)
    text = "---\n".join(each.read_text(encoding="utf-8") for each in sorted(SAMPLES.glob("*.yaml")))
    text = re.sub(r"endpoint: \S+", f"endpoint: {cloud.url}", text).replace("put-your-token-here", TOKEN)
    print(_indented(plane.kubectl("apply", "-f", "-", input=text).stdout), flush=True)


def _apply_and_watch(plane: ControlPlane, cloud: Simulator) -> None:
    """Show ``kubectl get -w`` from before the resource is there until every backup has its copy."""
    command = [str(plane.assets / "kubectl"), "get", "cpr", "--all-namespaces", "-w"]
    watching = subprocess.Popen(command, env=plane.kubectl_environment(), stdout=subprocess.PIPE, text=True)
    try:
        _apply_samples(plane, cloud)
        _say("How it goes:")
        print("  $ kubectl get cpr --all-namespaces -w", flush=True)
        shown = threading.Thread(target=_copy, args=(watching,), daemon=True)
        shown.start()
        eventually(lambda: _condition(plane, "Succeeded")["status"] != "Unknown", what="every backup is copied")
        shown.join(1)  # the watch's last line is on its way
    finally:
        watching.kill()
        watching.wait()


def _copy(watching: "subprocess.Popen[str]") -> None:
    for line in watching.stdout or ():
        print(f"    {line}", end="", flush=True)


def _resource(plane: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plane.kubectl("-n", "dr", "get", "cpr", NAME, "-o", "json").stdout)
    return found


def _condition(plane: ControlPlane, type_: str) -> dict[str, Any]:
    conditions = _resource(plane)["status"].get("conditions", [])
    return next((each for each in conditions if each["type"] == type_), {"status": "Unknown"})


def _report(plane: ControlPlane, cloud: Simulator) -> None:
    status = _resource(plane)["status"]
    _say("What its status says:")
    for each in status["conditions"]:
        print(f"    {each['type']:<12} {each['status']:<8} {each['reason']}")
    print(f"\n    {'BACKUP':<38} {'REPLICATION RECORD':<38} STATE")
    for each in status["backups"]:
        print(f"    {each['backupID']:<38} {each['replicationRecordID']:<38} {each['state']}")
    calls = len(cloud.accepted())
    _say(
        f"The cloud was asked {'once' if calls == 1 else f'{calls} times'}. {_condition(plane, 'Succeeded')['message']}"
    )


def _keep(plane: ControlPlane, cloud: Simulator, operator: OperatorProcess, folder: Path) -> None:
    print(f"\nIt stays up until Ctrl-C. The cloud answers at {cloud.url}, the operator logs to {folder}/operator.log,")
    print(f"its metrics are at http://127.0.0.1:{operator.port}/metrics. In another terminal:\n")
    print(f"  export KUBECONFIG={plane.kubeconfig}")
    print(f"  export PATH={plane.assets}:$PATH")
    print(
        "\nTry next: kubectl -n dr describe cpr, or apply the sample under another name with a vault that is not there."
    )
    sys.stdout.flush()
    while operator.process is not None and operator.process.poll() is None and plane.ended() is None:
        threading.Event().wait(1)
    print("One of the programs has ended; so does the demonstration.")


if __name__ == "__main__":
    main()
