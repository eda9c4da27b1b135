"""2,000 resources over one connection: one login, its requests a second, and whether the vaults take turns."""

import asyncio
import json
import time
import urllib.request
from typing import Any

from benchmarks.ground import EVERY, Cloud, cluster, operator_in, reasons, resource, show, simulated_cloud
from benchmarks.load import create
from ground.operator_process import eventually
from ground.simulator import Call, make_fleet
from ground.turns import by_vault, most_in_a_second, rate

FEW, MANY = 10, 110
"""Resources of most vaults, and of some."""
VAULTS, LARGE = 100, 10
"""All vaults, and those with many resources."""
RATE = 50
PASSWORD = "benchmark-password"


def run() -> None:
    """Have them all wait for the Secret, then submit them, followed by nobody; what the cloud saw of it."""
    fleet = make_fleet(vaults=VAULTS, regions=5)
    with (
        cluster() as (plane, folder),
        simulated_cloud(copy_seconds=0, fleet=VAULTS, user=f"acme/dr/{PASSWORD}") as cloud,
    ):
        bodies = [
            _resource(f"copy-{number}-{index}", source, fleet.destinations[index % 5], cloud)
            for number, source in enumerate(fleet.sources)
            for index in range(MANY if number < LARGE else FEW)
        ]
        path = "/apis/cbr-operator.io/v1alpha1/namespaces/default/cbrconnections"
        plane.request("POST", path, body=_connection(cloud, fleet.sources[0].project_id))
        with operator_in(folder, plane) as operator:
            asyncio.run(create(plane.api(), bodies))
            eventually(lambda: reasons(operator)["WaitingForConnection"] == len(bodies), seconds=300)
            plane.kubectl("create", "secret", "generic", "cbr", f"--from-literal=password={PASSWORD}")
            started, cpu = time.monotonic(), operator.cpu_seconds()
            ended = ("TrackingDisabled", "NothingToReplicate")
            eventually(lambda: sum(reasons(operator)[each] for each in ended) == len(bodies), seconds=1200, every=EVERY)
            seconds, cpu = time.monotonic() - started, operator.cpu_seconds() - cpu
        with urllib.request.urlopen(f"{cloud.url}/simulator/calls", timeout=60) as answer:
            seen = json.load(answer)
    calls = [Call(vault, "", "", b"", came, went) for vault, came, went in seen["calls"]]
    show("one connection", f"{len(bodies)} resources on {VAULTS} vaults, in {seconds:.0f} s, CPU {cpu:.0f} s")
    show("logins", str(seen["logins"]))
    requests = seen["requests"]
    show("requests", f"{rate(requests):.1f} a second of {RATE}, at most {most_in_a_second(requests)} in any second")
    show_turns(calls, {each.id for each in fleet.sources[:LARGE]})


def show_turns(calls: list[Call], large: set[str]) -> None:
    """How the vaults were served while all of them waited: from the moment when each has been called once."""
    moments = by_vault(calls)
    firsts = [each[0] for each in moments.values()]
    begin, end = max(firsts), min(each[-1] for vault, each in moments.items() if vault not in large)
    had = {vault: sum(begin <= each < end for each in own) for vault, own in moments.items()}
    few, many = ([count for vault, count in had.items() if (vault in large) is wanted] for wanted in (False, True))
    show("first calls", f"within {begin - min(firsts):.1f} s")
    words = f"{min(few)} to {max(few)} calls for a vault with {FEW} resources, {min(many)} to {max(many)} with {MANY}"
    show("turns", f"while all vaults waited: {words}")


def _resource(name: str, source: Any, destination: Any, cloud: Cloud) -> dict[str, Any]:
    body = resource(name, source, destination, cloud.url, tracking={"enabled": False})
    del body["spec"]["tokenSecretRef"], body["spec"]["endpoint"]
    body["spec"]["connectionRef"] = {"name": "prod"}
    return body


def _connection(cloud: Cloud, project_id: str) -> dict[str, Any]:
    password = {"domainName": "acme", "userName": "dr", "secretRef": {"name": "cbr"}, "iamEndpoint": cloud.url}
    return {
        "apiVersion": "cbr-operator.io/v1alpha1",
        "kind": "CBRConnection",
        "metadata": {"name": "prod"},
        "spec": {
            "endpoint": cloud.url,
            "region": "region1",
            "projectID": project_id,
            "auth": {"password": password},
            "requestsPerSecond": RATE,
        },
    }
