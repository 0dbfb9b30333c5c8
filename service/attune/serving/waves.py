"""Which requests of a batch are decided together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from attune.errors import ExpectedError
from attune.serving.circumstances import Visitor

# Other calls get their turn after so many decisions of a batch: a millisecond or two.
_DECISIONS_PER_TURN = 64


def waves_of(n_requests: int, visitors: Mapping[int, Visitor | ExpectedError]) -> Iterator[Sequence[int]]:
    """Yield which requests of a batch are decided together: of a customer who takes turns, one after the other."""
    waves: list[list[int]] = [[]]
    n_before: defaultdict[bytes, int] = defaultdict(int)
    for i in range(n_requests):
        visitor, wave = visitors.get(i), 0
        if isinstance(visitor, Visitor) and visitor.in_turn:
            wave = n_before[visitor.key]
            n_before[visitor.key] += 1
            waves[wave:] = waves[wave:] or [[]]
        waves[wave].append(i)
    for each in waves:
        yield from (each[begin : begin + _DECISIONS_PER_TURN] for begin in range(0, len(each), _DECISIONS_PER_TURN))
