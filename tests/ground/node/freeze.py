"""Stops one thread of a process, as a bug that hangs it would: ``python -m ground.node.freeze PID``.

The thread is the one beside the main thread that waits in an event loop of its own. It stands still until the
process has ended or this program has: the kernel then lets it go on. (A signal would stop all threads; only ptrace
stops one. Linux, as root or the process's parent; see ptrace(2), PTRACE_SEIZE and PTRACE_INTERRUPT.)

Prints ``frozen`` once it stands still.
"""

import ctypes
import os
import sys
import time
from pathlib import Path

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
FIND_SECONDS = 30.0
WAIT_FOR_THREADS = 0x40000000  # __WALL

_libc = ctypes.CDLL(None, use_errno=True)


def looping_threads(pid: int) -> list[int]:
    """The threads but the first that wait for events; one that holds Python's lock is not among them."""
    tasks = sorted(int(each.name) for each in Path(f"/proc/{pid}/task").iterdir())
    where = {task: Path(f"/proc/{pid}/task/{task}/wchan").read_text(encoding="utf-8") for task in tasks}
    return [task for task in tasks if task != pid and where[task] in {"do_epoll_wait", "ep_poll"}]


def ptrace(request: int, thread: int) -> None:
    """One ptrace call without arguments."""
    if _libc.ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")


def main(pid: int) -> int:
    """Freeze it, and wait for the process's end."""
    until = time.monotonic() + FIND_SECONDS
    while len(found := looping_threads(pid)) != 1:  # it may be at work just now
        if time.monotonic() > until:
            print(f"{len(found)} threads wait for events", file=sys.stderr)
            return 1
        time.sleep(0.01)
    (thread,) = found
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WAIT_FOR_THREADS)
    print("frozen", flush=True)
    os.waitpid(thread, WAIT_FOR_THREADS)  # it is gone: only now may the process be
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
