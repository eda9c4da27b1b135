"""The simulated cloud from the shell: ``python -m ground.simulator --demo`` (with PYTHONPATH=tests)."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from ground.simulator import Simulator, make_fleet
from ground.simulator.vaults import vault_from_json


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m ground.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default): a free one")
    parser.add_argument("--copy-seconds", type=float, default=60.0, help="how long one backup is copied")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer")
    parser.add_argument("--demo", action="store_true", help="the vaults of the vendor's documented example")
    parser.add_argument("--fleet", type=int, default=0, help="so many vaults with three backups, for benchmarks")
    parser.add_argument("--fleet-backups", type=int, default=3, help="backups in each of them")
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of the calls that go wrong")
    parser.add_argument("--records-visible-after", type=float, default=0.0, help="seconds until a new record is shown")
    parser.add_argument("--vaults", type=Path, help="JSON: a list of vaults, with the fields of vaults.Vault")
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Simulator(
        port=chosen.port,
        copy_seconds=chosen.copy_seconds,
        latency=chosen.latency,
        fault_rate=chosen.fault_rate,
        records_visible_after=chosen.records_visible_after,
    ) as cloud:
        if chosen.demo:
            cloud.add_documented_example()
        cloud.add(*make_fleet(vaults=chosen.fleet, backups=chosen.fleet_backups).vaults)
        if chosen.vaults:
            cloud.add(*map(vault_from_json, json.loads(chosen.vaults.read_text(encoding="utf-8"))))
        print(cloud.url)
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
