"""``python -m ground.controlplane``: a control plane in the foreground, for people.

``python -m ground.controlplane assets`` only finds or builds the programs and prints their folder.
"""

import argparse
import signal
import sys
import time
from contextlib import suppress

from ground.controlplane.assets import PROGRAMS, AssetsError, ensure_assets
from ground.controlplane.controlplane import ControlPlane, ControlPlaneError
from ground.controlplane.processes import ChildError


def main() -> int:
    """Read the command line and do it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ground.controlplane", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "assets"], default="run")
    parser.add_argument("--controller-manager", action="store_true", help="start kube-controller-manager as well")
    options = parser.parse_args()
    # As Ctrl-C does: unwind, so that everything is ended in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.command == "assets":
            print(ensure_assets(PROGRAMS))
            return 0
        return _run(controller_manager=options.controller_manager)
    except (AssetsError, ChildError, ControlPlaneError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _run(*, controller_manager: bool) -> int:
    with ControlPlane(controller_manager=controller_manager) as plane, suppress(KeyboardInterrupt):
        print(f"export KUBECONFIG={plane.kubeconfig}", flush=True)
        print(f"kubectl is {plane.assets / 'kubectl'}; Ctrl-C ends everything", file=sys.stderr, flush=True)
        while not (ended := plane.ended()):
            time.sleep(1)
        print(f"{ended} ended by itself", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
