"""One HTTP/2 connection for unary gRPC calls, as cheap for the client as can be.

It writes frames straight to a socket and reads just enough of what comes back to tell when a call ended and whether it
ended with `grpc-status` 0. When calls start is for `h2` to say.
"""

import socket
import struct
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

STALLED_S = 10.0
"""Seconds after which a server that says nothing is given up."""

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK = 0x1, 0x1
_END_HEADERS = 0x4
_FRAME = struct.Struct(">IBI")  # (length << 8 | type), flags, stream
_WINDOW = 65_535  # of a fresh connection, and of each of its streams
_HUGE_WINDOW = 2**31 - 1
_GRANT = 2**29  # our receive window is topped up each time this much has come
# Our settings forbid the server a header table, so it has to spell out the status of every call.
_STATUS_OK = b"grpc-status\x010"
_MAX_CONCURRENT_STREAMS = 3
_SETTING = struct.Struct(">HI")
_SETTINGS_SENT = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, _HUGE_WINDOW)  # table size 0, no push, stream window
_SAMPLED_EVERY = 2_000  # stream ids; every 1,000th call of a connection


@dataclass(slots=True)
class Load:
    """What came of a run.

    Attributes:
        calls: Calls that ended with `grpc-status` 0.
        failures: How the other calls ended, as far as it can be read.
        wall_s: Seconds from the first call's start to the last call's end.
        cpu_s: CPU seconds the client used within.
        latencies_s: One per call, from its intended start to its end, in seconds; in the order of the ends.
        samples: Messages of some of the replies.
    """

    calls: int = 0
    failures: list[str] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    samples: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.wall_s


class Connection:
    """One HTTP/2 connection; knows what is in flight on it and writes down what came of it."""

    def __init__(self, address: str, method: str, load: Load, *, keeps_to_streams: bool = True) -> None:
        """Connects.

        Args:
            address: The server, as host:port.
            method: The gRPC method that is called, as /package.Service/Method.
            load: Where it is written down what came of calls.
            keeps_to_streams: Whether calls wait when the server takes no more at a time.

        Raises:
            OSError: There is no connection.
        """
        host, _, port = address.rpartition(":")
        self._load = load
        self._headers, self._next_headers = _header_blocks(address, method)
        self._stream = 1
        self._started: dict[int, float] = {}
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._window = _WINDOW
        self._keeps_to_streams = keeps_to_streams
        self._most_open = _HUGE_WINDOW
        self._ungranted = 0
        self._rest = b""
        self._socket = socket.create_connection((host, int(port)), timeout=STALLED_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, _SETTINGS_SENT)
            + _frame(_WINDOW_UPDATE, 0, 0, (_HUGE_WINDOW - _WINDOW).to_bytes(4))
        )

    def fileno(self) -> int:
        """Lets `select` wait for the connection."""
        return self._socket.fileno()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    @property
    def open(self) -> int:
        """Calls that have not ended yet."""
        return len(self._started) + len(self._waiting)

    def start(self, calls: Iterable[tuple[float, bytes]]) -> None:
        """Starts calls, or keeps them until the server's window has room and it takes one more call at a time.

        Args:
            calls: For each call its intended start, in seconds of `time.perf_counter`, and its request.
        """
        self._waiting.extend(calls)
        frames = []
        while self._waiting and self._window >= len(self._waiting[0][1]) + 5 and len(self._started) < self._most_open:
            began, message = self._waiting.popleft()
            self._started[self._stream] = began
            self._window -= len(message) + 5
            frames.append(_frame(_HEADERS, _END_HEADERS, self._stream, self._headers))
            frames.append(_frame(_DATA, _END_STREAM, self._stream, b"\0" + len(message).to_bytes(4) + message))
            self._headers = self._next_headers
            self._stream += 2
        if frames:
            # Blocks only if the server stops reading what it has given us a window for; then the timeout ends the run.
            self._socket.sendall(b"".join(frames))

    def receive(self) -> int:
        """Reads what has come.

        Returns:
            How many calls ended.

        Raises:
            ConnectionError: The server ended the connection, or broke the protocol as it is understood here.
        """
        chunk = self._socket.recv(1 << 16)
        if not chunk:
            raise ConnectionError(f"the server closed the connection with {self.open} calls open")
        came = self._rest + chunk
        before = len(self._started)
        now = time.perf_counter()
        at, end = 0, len(came)
        while at + 9 <= end:
            word, flags, stream = _FRAME.unpack_from(came, at)
            stop = at + 9 + (word >> 8)
            if stop > end:
                break
            self._handle(word & 0xFF, flags, stream, came[at + 9 : stop], now)
            at = stop
        self._rest = came[at:]
        ended = before - len(self._started)
        if self._waiting:
            self.start(())
        return ended

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        """Handles a frame."""
        if kind == _HEADERS:
            if flags & _END_STREAM:
                self._end(stream, now, "" if _STATUS_OK in payload else str(payload))
        elif kind == _DATA:
            self._ungranted += len(payload)
            if stream % _SAMPLED_EVERY == 1:
                self._load.samples.append(payload[5:])
        elif kind == _RST_STREAM:
            # A server that has answered without reading the request to its end resets what has ended already.
            if stream in self._started:
                self._end(stream, now, f"RST_STREAM {payload.hex()}")
        else:
            self._handle_control(kind, flags, stream, payload)

    def _handle_control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Handles what concerns the connection and not a call."""
        if kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload)
            self.start(())
        elif kind in {_PING, _SETTINGS} and not flags & _ACK:
            if kind == _SETTINGS and self._keeps_to_streams:
                self._most_open = dict(_SETTING.iter_unpack(payload)).get(_MAX_CONCURRENT_STREAMS, self._most_open)
            self._socket.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind == _GOAWAY:
            raise ConnectionError(f"the server sent GOAWAY: {payload!r}")

    def _end(self, stream: int, now: float, failure: str) -> None:
        """Writes down that a call ended; a server that refuses one may send RST_STREAM after its status."""
        began = self._started.pop(stream, None)
        if began is None:
            return
        if failure:
            self._load.failures.append(failure)
        else:
            self._load.calls += 1
            self._load.latencies_s.append(now - began)
        if self._ungranted > _GRANT:
            self._socket.sendall(_frame(_WINDOW_UPDATE, 0, 0, self._ungranted.to_bytes(4)))
            self._ungranted = 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Writes one frame."""
    return _FRAME.pack(len(payload) << 8 | kind, flags, stream) + payload


def _header_blocks(address: str, method: str) -> tuple[bytes, bytes]:
    """Writes the request headers: spelt out for the first call of a connection, by index for the others.

    Index 0x83 is `:method: POST`, 0x86 `:scheme: http`; what a block spells out goes to index 62, and pushes what was
    there before one place up (RFC 7541).
    """
    spelt = {
        b":path": method.encode(),
        b":authority": address.encode(),
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"user-agent": b"attune-benchmarks",
    }
    fields = [b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in spelt.items()]
    places = bytes(0x80 | 61 + place for place in range(len(spelt), 0, -1))
    return b"\x83\x86" + b"".join(fields), b"\x83\x86" + places
