"""``python -m ground.node``: a real one-node cluster in the foreground, for people and for looking at tests.

``python -m ground.node packages`` installs the Debian packages that it needs, ``python -m ground.node build`` builds
its programs and the operator's image.
"""

import argparse
import signal
import sys
import time
from contextlib import suppress

from ground.controlplane import NODE, PROGRAMS, AssetsError, ChildError, ControlPlaneError, ensure_assets
from ground.node.image import Builder, ImageError
from ground.node.node import Node, NodeError
from ground.node.prerequisites import install_packages, lacking


def main() -> int:
    """Read the command line and do it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ground.node", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "packages", "build"], default="run")
    options = parser.parse_args()
    # As Ctrl-C does: unwind, so that everything is ended in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if line := install_packages() if options.command == "packages" else lacking():
        print(line, file=sys.stderr)
        return 1
    try:
        return _COMMANDS[options.command]()
    except (AssetsError, ChildError, ControlPlaneError, ImageError, NodeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _build() -> int:
    ensure_assets((*PROGRAMS, *NODE))
    Builder().build()
    return 0


def _run() -> int:
    with Node() as node, suppress(KeyboardInterrupt):
        print(f"export KUBECONFIG={node.plane.kubeconfig}", flush=True)
        print(f"kubectl is {node.assets / 'kubectl'}; Ctrl-C ends everything", file=sys.stderr, flush=True)
        while not (ended := node.ended()):
            time.sleep(1)
        print(f"{ended} ended by itself", file=sys.stderr)
        return 1
    return 0


_COMMANDS = {"run": _run, "packages": lambda: 0, "build": _build}


if __name__ == "__main__":
    sys.exit(main())
