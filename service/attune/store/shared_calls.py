"""Script calls that many callers share: what is asked about several customers in one turn of the loop leaves as one.

Most of what a call costs both sides does not depend on how much is asked. So while one is under way, who comes later
waits for the next one, which leaves when the first is answered. What may stand in one call, the routes say: on a server
everything, in a cluster what is of one slot. Used by `attune.store.history`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any

from attune.errors import StoreUnavailableError
from attune.store.client import StoreRefusedError
from attune.store.outages import Outages
from attune.store.pipe import Pipe, Sent

_log = logging.getLogger(__name__)

# With long histories, an answer about so many customers has some MB.
_MOST_PER_CALL = 32


class Asked:
    """What one caller asks.

    Attributes:
        keys: The keys it touches, all of one slot.
        args: Its arguments.
        answer: What the script returns for it, or the error; who does not wait any more cancels it.
    """

    __slots__ = ("answer", "args", "keys")

    def __init__(self, keys: Sequence[str], args: Sequence[str | bytes | int]) -> None:
        """Ask this; it has not left."""
        self.keys, self.args = keys, args
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class SharedCalls:
    """Calls of one script, which takes the keys and arguments of several callers, and returns an answer for each."""

    def __init__(self, pipe: Pipe, outages: Outages, name: str, args: Sequence[int] = ()) -> None:
        """Call over a connection.

        Args:
            pipe: The connection.
            outages: Of it: who is out of reach is not asked, and who does not answer is noted.
            name: Of the script.
            args: What stands before the arguments of all callers.
        """
        self._pipe = pipe
        self._outages = outages
        self._name = name
        self._args = args
        self._gathered: dict[Hashable, list[Asked]] = {}
        self._under_way: set[Hashable] = set()
        self._slow: set[asyncio.Task[None]] = set()
        # Of a server that belongs to a cluster, which the URL does not say.
        self._is_by_slot = False

    def ask(self, asked: Asked) -> None:
        """Let it leave with what others ask, in this turn of the loop where that is possible."""
        group = self._group_of(asked)
        if (waiting := self._gathered.get(group)) is not None:
            waiting.append(asked)
            return
        self._gathered[group] = [asked]
        if group not in self._under_way:
            asyncio.get_running_loop().call_soon(self._leave, group)

    def send(self, asked: Sequence[Asked]) -> None:
        """Let these leave, before whatever is sent next over the connection."""
        groups: dict[Hashable, list[Asked]] = {}
        for each in asked:
            groups.setdefault(self._group_of(each), []).append(each)
        for group in groups.values():
            self._call(group, waits=True)

    def _group_of(self, asked: Asked) -> Hashable:
        return asked.keys[0] if self._is_by_slot else self._pipe.together(asked.keys[0])

    def _leave(self, group: Hashable) -> None:
        self._under_way.discard(group)
        waiting = [each for each in self._gathered.pop(group, ()) if not each.answer.done()]
        if len(waiting) > _MOST_PER_CALL:
            self._gathered[group] = waiting[_MOST_PER_CALL:]
        if waiting:
            self._under_way.add(group)
            self._call(waiting[:_MOST_PER_CALL], answered=partial(self._leave, group))

    def _call(
        self, asked: Sequence[Asked], answered: Callable[[], None] = lambda: None, *, waits: bool = False
    ) -> None:
        keys = [key for each in asked for key in each.keys]
        args = [*self._args, *(arg for each in asked for arg in each.args)]
        try:
            self._outages.check(keys[0])
            link = self._pipe.link(keys[0])
        except StoreUnavailableError as error:
            _answer(asked, [error] * len(asked))
            answered()
            return
        if link is None:
            self._finish(asked, answered, partial(self._pipe.run, self._name, keys, args))
        else:
            sent = self._pipe.send(link, self._name, keys, args, waits=waits)
            sent.answer.add_done_callback(partial(self._came, asked, answered, sent))

    def _came(
        self, asked: Sequence[Asked], answered: Callable[[], None], sent: Sent, answer: asyncio.Future[Any]
    ) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._finish(asked, answered, sent.finish)
        else:
            answered()  # first: the store need not wait while callers are answered
            _answer(asked, answer.result())

    def _finish(
        self, asked: Sequence[Asked], answered: Callable[[], None], find: Callable[[], Awaitable[Sequence[Any]]]
    ) -> None:
        """Wait in a task, where more than an answer is to be waited for."""
        task = asyncio.get_running_loop().create_task(self._found(asked, find))
        self._slow.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._slow.discard)
        task.add_done_callback(lambda _: answered())

    async def _found(self, asked: Sequence[Asked], find: Callable[[], Awaitable[Sequence[Any]]]) -> None:
        try:
            answers = await find()
        except StoreRefusedError as error:
            if len(asked) > 1 and "CROSSSLOT" in str(error):
                self._is_by_slot = True
                self.send(asked)
                return
            answers = [error] * len(asked)
        except StoreUnavailableError as error:
            self._outages.begin(asked[0].keys[0], error)
            answers = [error] * len(asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller waits for an answer
            answers = [_unexpected(error)] * len(asked)
        _answer(asked, answers)


def _unexpected(error: Exception) -> StoreUnavailableError:
    _log.exception("a call to the store fails", exc_info=error)
    return StoreUnavailableError(f"the store does not answer as expected: {error}")


def _answer(asked: Sequence[Asked], answers: Sequence[Any]) -> None:
    """Answer those who still wait. An error is a value here: of one that nobody looks at, asyncio would complain."""
    if not isinstance(answers, list) or len(answers) != len(asked):
        answers = [_unexpected(ValueError(f"{len(asked)} answers, got {answers!r:.80}"))] * len(asked)
    for each, answer in zip(asked, answers, strict=True):
        if not each.answer.done():
            each.answer.set_result(answer)
