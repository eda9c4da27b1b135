"""``make bench``: the figures that docs and notes state, each benchmark side by side with its limit in one run.

Nothing here is asserted: timings belong to the machine. What must never be, such as a call made twice, is shown in
the figures and held by the tests.
"""

import argparse
from collections.abc import Callable

from benchmarks import connections, failovers, following, kills, planning, reaction, restart, submissions
from benchmarks.ground import show

BENCHMARKS: dict[str, Callable[[], None]] = {
    "submissions": submissions.run,
    "reaction": reaction.run,
    "kills": kills.run,
    "failovers": failovers.run,
    "following": following.run,
    "restart": restart.run,
    "connections": connections.run,
    "planning": planning.run,
}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; without one all are run")
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"{', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        show(f"--- {name}", "")
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
