"""Runs one program and ends it when the process that asked for it is gone, however that one ended.

A program of its own, started by ``processes.Child``: a pipe's end of file is seen even when the starter was
killed, from whichever thread it started us. (Linux' PR_SET_PDEATHSIG alone would fire as soon as the starting
*thread* ends; here it only covers the supervisor's own death, and the supervisor has one thread.)

Arguments: a directory to remove when the starter is gone (empty for none), then the program and its arguments.
Standard input: each byte is the number of a signal for the program's process group; end of file kills it.
Standard output: one line, the program's pid, or why it did not start. Standard error: where the program writes.
Exit code: the program's own, or 128 + the number of the signal that ended it.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
REMOVE_SECONDS = 10.0
STANDARD_INPUT, STANDARD_OUTPUT = 0, 1


def die_with_supervisor() -> None:
    """Between fork and exec: let the kernel kill the program if the supervisor itself is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answer(line: str) -> None:
    """Tell the starter, if it is still there."""
    with suppress(BrokenPipeError):
        os.write(STANDARD_OUTPUT, f"{line}\n".encode())


def has_ended(pid: int) -> bool:
    """Whether a child has ended. It is not reaped, so its pid still cannot belong to anyone else."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def send(pid: int, number: int) -> None:
    """Signal the program and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):  # only the zombie is left; macOS lacks a permission then
        os.killpg(pid, number)


def follow(pid: int, wakeup: int) -> bool:
    """Pass signals on until the program ends or the starter is gone; return whether the starter is gone."""
    while not has_ended(pid):
        ready, _, _ = select.select([STANDARD_INPUT, wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 512)
        if STANDARD_INPUT in ready:
            numbers = os.read(STANDARD_INPUT, 512)
            if not numbers:
                return True
            for number in numbers:
                send(pid, number)
    return False


def remove(directory: str) -> None:
    """Remove a directory that processes which are just being killed may still write to."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while os.path.lexists(directory) and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.05)


def main(directory: str, *command: str) -> int:
    """Run the command; see the module's description."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,
            preexec_fn=die_with_supervisor,  # noqa: PLW1509 - this process has no threads
        )
    except OSError as error:
        answer(str(error))
        return 127
    answer(str(program.pid))
    orphaned = follow(program.pid, reader)
    send(program.pid, signal.SIGKILL)
    code = program.wait()
    if orphaned and directory:
        remove(directory)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
