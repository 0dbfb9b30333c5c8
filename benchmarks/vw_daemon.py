"""`vw --daemon` on the same features and the same weights: what many use in place of a service like this one.

Run as `python -m benchmarks.vw_daemon ARGUMENTS` it is the daemon: where there is no program `vw` on PATH, the same
code is in the library that its Python package carries. That program makes a workspace from its arguments, which for a
daemon opens the port and forks, and then drives the parser until it ends; so does this one.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from vowpalwabbit.pyvw import pylibvw

from attune_models.features import encode, encode_action
from attune_models.vw import VwSpec
from attune_models.vw_places import pairs_of
from attune_models.vw_spec import arguments
from benchmarks import workload
from benchmarks.measure import PAUSE_S, WARM_UP_S, Throughput
from benchmarks.processes import children, cpu_s, resident_bytes

_READY_S = 20.0
_STALLED_S = 10.0
# 512 decisions under way, sent 64 at a time: as many as of a batch that is measured.
_PORTIONS = 8


@contextmanager
def daemon(model: Path) -> Iterator[tuple[str, int]]:
    """Runs the daemon with the weights of a model file.

    Args:
        model: As the default policy writes it; beside it the daemon writes its port.

    Yields:
        Its address, and the id of the process that answers.
    """
    ports = model.with_suffix(".port")
    listening = f"--daemon --foreground --num_children 1 --port 0 --port_file {ports}"
    program = [found] if (found := shutil.which("vw")) else [sys.executable, "-m", "benchmarks.vw_daemon"]
    command = [*program, *f"{arguments(VwSpec())} --quiet --testonly --initial_regressor {model} {listening}".split()]
    # A session of its own: the daemon starts its children again when they die.
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], start_new_session=True)  # noqa: S603 - ours
    try:
        deadline = time.monotonic() + _READY_S
        while not (ports.exists() and ports.read_text(encoding="utf-8").strip() and children(process.pid)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"vw --daemon was not ready in {_READY_S} s: {' '.join(command)}")
            time.sleep(0.05)
        yield f"127.0.0.1:{ports.read_text(encoding='utf-8').strip()}", children(process.pid)[0]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        ports.unlink(missing_ok=True)


def described() -> str:
    """Returns which program answers, in words."""
    found = shutil.which("vw")
    return f"the program {Path(found).name} on PATH" if found else "the library of the Python package, run as a program"


class DaemonTarget:
    """The daemon, asked by one client that does not wait for an answer before it asks again.

    Attributes:
        name: What it is called in tables.
        pid: The process that answers.
    """

    def __init__(self, address: str, pid: int, n_offers: int, numbers: Iterator[float]) -> None:
        """Asks about so many offers, in contexts whose number is other each time."""
        self.name = f"vw --daemon, K = {n_offers:,}"
        self._address, self.pid = address, pid
        self._examples = examples(n_offers, numbers)

    def throughput(self, seconds: float, *, warm_up_s: float = WARM_UP_S, pause_s: float = PAUSE_S) -> Throughput:
        """Loads the daemon, after a pause and a warm-up that do not count; one connection each."""
        time.sleep(pause_s)
        self._load(warm_up_s)
        before_s, client_s = cpu_s(self.pid), time.process_time()
        done, wall_s = self._load(seconds)
        used_s, client_s = cpu_s(self.pid) - before_s, time.process_time() - client_s
        return Throughput(
            rate=done / wall_s,
            done=done,
            unlogged=0,
            server_us=1e6 * used_s / done,
            store_us=0.0,
            client_us=1e6 * client_s / done,
            server_share=used_s / wall_s,
            client_share=client_s / wall_s,
            resident_bytes=resident_bytes(self.pid),
        )

    def probabilities(self, example: bytes, n_offers: int) -> list[float]:
        """Returns what the daemon answers to one example: a probability for each offer, in their order."""
        with _connected(self._address) as peer:
            peer.sendall(example)
            answer = b""
            while not answer.endswith(b"\n\n"):
                answer += _received(peer)
        pairs = dict(pair.split(":") for pair in answer.decode().strip().split(","))
        return [float(pairs[str(i)]) for i in range(n_offers)]

    def _load(self, seconds: float) -> tuple[int, float]:
        """Keeps portions under way; returns how many decisions were answered, and in how many seconds."""
        began = time.perf_counter()
        asked = answered = newlines = 0
        unsent: deque[bytes] = deque()
        with _connected(self._address) as peer:
            peer.settimeout(0)
            while True:
                is_on = time.perf_counter() - began < seconds
                while is_on and asked - answered <= (_PORTIONS - 1) * workload.BATCH:
                    unsent.append(b"".join(next(self._examples) for _ in range(workload.BATCH)))
                    asked += workload.BATCH
                if answered == asked:
                    return answered, time.perf_counter() - began
                ready, writable, _ = select.select([peer], [peer] if unsent else [], [], _STALLED_S)
                if ready:
                    # A line with the probabilities, and an empty one.
                    newlines += _received(peer).count(b"\n")
                    answered = newlines // 2
                elif not writable:
                    raise TimeoutError(f"nothing came from vw --daemon for {_STALLED_S} s")
                if writable:
                    portion = unsent.popleft()
                    if rest := portion[peer.send(portion) :]:
                        unsent.appendleft(rest)


def examples(n_offers: int, numbers: Iterator[float]) -> Iterator[bytes]:
    """Yields what the policy would be asked, as text: the features that the service has, with all that it adds."""
    actions = "".join(f"|o {encode_action(offer)}\n" for offer in workload.offers(n_offers))
    shared = []
    for context in workload.contexts():
        before, behind = workload.split(encoded := encode(context))
        shared.append((f"shared |c {before}", f"{behind} |p {' '.join(pairs_of(encoded.split(' ')))}\n{actions}\n"))
    for before, behind in cycle(shared):
        yield f"{before}{next(numbers)!r}{behind}".encode()


@contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_STALLED_S) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield peer


def _received(peer: socket.socket) -> bytes:
    if not (chunk := peer.recv(1 << 16)):
        raise ConnectionError("vw --daemon closed the connection")
    return chunk


def main() -> None:
    """Is the program `vw`."""
    pylibvw.vw(sys.argv[1:]).run_parser()


if __name__ == "__main__":
    main()
