"""Binds a process to the life of its parent: what attune starts never outlives attune; and says how it may compute.

`python -m attune.process PARENT_PID -- PROGRAM ARGUMENT...` asks the kernel to send SIGTERM when the parent ends,
then becomes the program (same process id). The supervisor starts the store, the server and the learner through it.
It is a program of its own because the request has to be made in the new process, and running Python code between
fork and exec (`preexec_fn`) may deadlock in a parent that has threads.

The kernel request exists on Linux only. Elsewhere the program is started unbound; the embedded store finds and ends
an orphaned server on its next start.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
EX_UNAVAILABLE = 69  # <sysexits.h>
# Environment of every process that holds a policy, read by the libraries under NumPy when it is imported. Sums that
# threads share depend in their last bits on how many there are, and two learners must get the same. The other cores
# are for the other processes.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

# The same for glibc's allocator, unless somebody has set it. Versions of policies are loaded in threads, twice a second
# where much is learned: by default each thread gets arenas of its own, in which the holes of former versions add up to
# dozens of megabytes. In two arenas, and with large blocks given back to the kernel at once, memory stays where it is.
FEW_ARENAS = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 20),
}


def bound(command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` bound to the life of this process.

    The kernel watches the *thread* that starts the command, so it has to be started by the main thread.

    Args:
        command: Program and arguments; the program as an absolute path.
    """
    return [*python("attune.process"), str(os.getpid()), "--", *command]


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module with this very interpreter.

    `-P` keeps the current directory off the module path: a `redis.py` lying there must not be imported.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def ending(code: int) -> str:
    """Describe how a process ended, for example `was killed by SIGKILL`.

    Args:
        code: Its exit code, or the negative number of the signal that killed it.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"was killed by {known.get(-code, f'signal {-code}')}"


def main(arguments: Sequence[str]) -> None:
    """Become the program.

    Args:
        arguments: The parent's process id, `--`, the program's absolute path, its arguments.
    """
    parent, separator, *command = arguments
    if separator != "--" or not command:
        sys.exit("usage: python -m attune.process PARENT_PID -- PROGRAM [ARGUMENT...]")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # The parent may have ended before the request was made: then nobody will send the signal.
    if os.getppid() != int(parent):
        sys.exit(EX_UNAVAILABLE)
    try:
        os.execv(command[0], command)  # noqa: S606 - a program without a shell is the purpose of this module
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
