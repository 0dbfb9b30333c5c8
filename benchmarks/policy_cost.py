"""What a policy costs by itself: `python -m benchmarks.policy_cost`, and a section of `make bench`.

First our Vowpal Wabbit policy beside a plain script, which formats the same features as text and calls the library's
own wrapper. Both start from the features and do the same work: on offers that come again, of which ours keeps what it
parsed, and on offers with other numbers each time, of which nothing can be kept. They take turns, so that a slow minute
hits both; what counts is the median of the ratios of neighbouring turns.

Then the same policy on a set of actions that it knows, beside itself on the same actions without being told; no context
comes again, because of a number or, for which more has to be computed, because of a word. Then every kind of policy, on
situations that are encoded: encoding costs the same for all of them, and the service keeps what it has encoded.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from random import Random
from statistics import median

import vowpalwabbit
from tests.support.vw_policies import EXPLORATIONS

from attune_models.baselines import UniformSpec
from attune_models.features import encode, situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import KindSpec, Policy, PolicySpec, build
from attune_models.popularity import PopularitySpec, RewardModel
from attune_models.types import ActionSet, FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import VwPolicy, VwSpec
from attune_models.vw_actions import action_tables
from attune_models.vw_spec import arguments
from benchmarks.situations import CONTEXT, ever_new, make_actions, recurring
from benchmarks.stopwatch import Call, calls_in_a_turn, interleaved_us, turn_us

N_ACTIONS = (10, 100, 1000)
CALLS = ("pmf", "learn")
TURNS = 51
N_KNOWN = (10, 50, 200, 1000, 10_000)
CONTEXTS = ("a new number each time", "a new word each time")
KNOWN_TURNS = 15
_LEARNED = 20
_CONTEXTS = 20_000
_CELL_S = 0.06
_FEWEST_TURNS = 3
KINDS: dict[str, KindSpec] = {
    **{f"vw {name}": VwSpec(exploration) for name, exploration in EXPLORATIONS.items()},
    "linear_ucb": LinearUcbSpec(),
    "linear_thompson": LinearThompsonSpec(),
    "popularity": PopularitySpec(),
    "popularity gaussian": PopularitySpec(RewardModel.GAUSSIAN),
    "uniform": UniformSpec(),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of call, by ours and by the plain script, in turns.

    Attributes:
        offers: `come again` or `new each time`.
        n_actions: How many actions there were to choose from.
        call: `pmf` or `learn`.
        ours_us: CPU microseconds per call of each turn of ours.
        plain_us: The same of the turn of the plain script that followed.
    """

    offers: str
    n_actions: int
    call: str
    ours_us: list[float]
    plain_us: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ours by plain, of each pair of neighbouring turns; below 1, ours is faster."""
        return [ours / plain for ours, plain in zip(self.ours_us, self.plain_us, strict=True)]


@dataclass(frozen=True, slots=True)
class KindCost:
    """What one kind of policy costs, in CPU microseconds per call, median of the turns, by number of actions."""

    kind: str
    pmf_us: list[float]
    learn_us: list[float]


@dataclass(frozen=True, slots=True)
class KnownCost:
    """What probabilities cost where the actions are of a known set, in turns with the library on the same actions.

    Attributes:
        contexts: What is new in each context.
        n_actions: How many actions there were to choose from.
        known_us: CPU microseconds per call of each turn.
        library_us: The same of the turn of the library that followed.
        scores_us: CPU microseconds of predictions alone, median.
        set_us: CPU microseconds of preparing a set of actions that were never seen, once for all versions of a policy.
        version_us: CPU microseconds of the first call of a new version of the policy, beyond what a later one takes.
    """

    contexts: str
    n_actions: int
    known_us: list[float]
    library_us: list[float]
    scores_us: float
    set_us: float
    version_us: float

    @property
    def ratio(self) -> float:
        """Known by library, median of the pairs of neighbouring turns; below 1, known is faster."""
        return median(known / library for known, library in zip(self.known_us, self.library_us, strict=True))


@dataclass(frozen=True, slots=True)
class PolicyCosts:
    """All that was found."""

    compared: list[Compared]
    known: list[KnownCost]
    encoding_us: list[float]
    kinds: list[KindCost]


class Ours:
    """Our policy, from features on."""

    def __init__(self, feed: Iterator[list[PlainAction]]) -> None:
        """Starts untrained; takes the actions of each call from the feed."""
        self._feed, self._policy = feed, VwPolicy(VwSpec())

    def pmf(self) -> object:
        """Predicts."""
        return self._policy.pmf(situation(CONTEXT, next(self._feed)))

    def learn(self) -> object:
        """Learns from a reward of 1 of the first action."""
        return self._policy.learn(Interaction(situation(CONTEXT, next(self._feed)), 0, 0.5, 1.0))


class PlainScript:
    """The same through the library's own wrapper, as anybody would write it."""

    def __init__(self, feed: Iterator[list[PlainAction]]) -> None:
        """Starts untrained, with the arguments that ours has."""
        self._feed = feed
        self._workspace = vowpalwabbit.Workspace(f"{arguments(VwSpec())} --quiet")

    def pmf(self) -> object:
        """Predicts."""
        return self._workspace.predict(self._lines())

    def learn(self) -> object:
        """Learns from a cost of -1 of the first action."""
        lines = self._lines()
        lines[1] = f"0:-1.0:1.0 {lines[1]}"
        return self._workspace.learn(lines)

    def _lines(self) -> list[str]:
        # With the same pair of words that ours makes.
        shared = _plain_line(CONTEXT, "shared |c") + " |p device=mobile~segment=new"
        return [shared, *(_plain_line(action.features, f"|o ={action.id}") for action in next(self._feed))]


def _plain_line(features: FeatureSet, start: str) -> str:
    numbers = [f"{name}:{value}" for name, value in features.numeric.items()]
    words = [f"{name}={value}" for name, value in features.categorical.items()]
    return " ".join([start, *numbers, *words])


def measure() -> PolicyCosts:
    """Times everything once; takes less than a minute."""
    compared = [
        _compared(n_actions, call, new=new) for new in (False, True) for n_actions in N_ACTIONS for call in CALLS
    ]
    known = [_known_cost(contexts, n_actions) for contexts in CONTEXTS for n_actions in N_KNOWN]
    encoding = [_median_us(_encoder(n_actions)) for n_actions in N_ACTIONS]
    return PolicyCosts(compared, known, encoding, [_kind_cost(name, kind) for name, kind in KINDS.items()])


def _compared(n_actions: int, call: str, *, new: bool) -> Compared:
    # Each call has numbers of its own: what one has met would not be new to the other.
    feeds = [ever_new(n_actions, CALLS.index(call)) if new else recurring(n_actions) for _ in range(2)]
    ways = [getattr(each, call) for each in (Ours(feeds[0]), PlainScript(feeds[1]))]
    ours_us, plain_us = zip(*interleaved_us(ways, TURNS), strict=True)
    return Compared("new each time" if new else "come again", n_actions, call, list(ours_us), list(plain_us))


def _known_cost(contexts: str, n_actions: int) -> KnownCost:
    action_tables.cache_clear()
    seen = situation(CONTEXT, make_actions(n_actions))
    known = ActionSet(seen.action_ids, seen.actions)
    policy, newer = _served(seen), _served(seen)
    set_us = turn_us(lambda: policy.prepare(known), 1)
    asked = _ever_new_contexts(replace(seen, known=known), contexts)
    first_us = turn_us(lambda: newer.pmf(next(asked)), 1)
    asked_library = (replace(each, known=None) for each in _ever_new_contexts(seen, contexts))
    calls: list[Call] = [lambda: policy.pmf(next(asked)), lambda: policy.pmf(next(asked_library))]
    known_us, library_us = zip(*interleaved_us(calls, KNOWN_TURNS if n_actions <= max(N_ACTIONS) else 3), strict=True)
    return KnownCost(
        contexts,
        n_actions,
        list(known_us),
        list(library_us),
        _median_us(lambda: policy.scores(next(asked))),
        set_us,
        max(0.0, first_us - median(known_us)),
    )


def _ever_new_contexts(seen: Situation, contexts: str) -> Iterator[Situation]:
    # Made before, so that making them is not timed; more than are asked for.
    random = Random(1)  # noqa: S311 - no secret
    new_words = contexts == CONTEXTS[1]
    return cycle([replace(seen, context=_new_context(random, i if new_words else 0)) for i in range(_CONTEXTS)])


def _new_context(random: Random, user: int) -> str:
    return encode(FeatureSet({"hour": random.uniform(0, 24)}, {**CONTEXT.categorical, "user": f"user-{user}"}))


def _served(seen: Situation) -> VwPolicy:
    """Returns a policy as it serves: loaded, its weights read."""
    learned, policy = VwPolicy(VwSpec()), VwPolicy(VwSpec())
    for i in range(_LEARNED):
        learned.learn(Interaction(seen, i % len(seen.actions), 1 / len(seen.actions), float(i % 3 == 0)))
    policy.loads(learned.dumps())
    policy.scores(replace(seen, known=ActionSet(seen.action_ids[:1], seen.actions[:1]), positions=[0]))
    return policy


def _encoder(n_actions: int) -> Call:
    actions = make_actions(n_actions)
    return lambda: situation(CONTEXT, actions)


def _kind_cost(name: str, kind: KindSpec) -> KindCost:
    policies = [(_trained(kind, each), each) for each in (situation(CONTEXT, make_actions(n)) for n in N_ACTIONS)]
    return KindCost(
        name,
        [_median_us(_predictor(policy, each)) for policy, each in policies],
        [_median_us(_learner(policy, each)) for policy, each in policies],
    )


def _trained(kind: KindSpec, seen: Situation) -> Policy:
    policy = build(PolicySpec(kind))
    for i in range(_LEARNED):
        policy.learn(Interaction(seen, i % len(seen.actions), 1 / len(seen.actions), float(i % 3 == 0)))
    return policy


def _predictor(policy: Policy, asked: Situation) -> Call:
    return lambda: policy.pmf(asked)


def _learner(policy: Policy, seen: Situation) -> Call:
    lesson = Interaction(seen, 0, 0.5, 1.0)
    return lambda: policy.learn(lesson)


def _median_us(call: Call) -> float:
    """Returns the median of as many turns as there is time for."""
    n_calls, turns, end = calls_in_a_turn(call), [], time.monotonic() + _CELL_S
    while len(turns) < _FEWEST_TURNS or time.monotonic() < end:
        turns.append(turn_us(call, n_calls))
    return median(turns)


def markdown(costs: PolicyCosts) -> str:
    """Writes the section."""
    compared = [
        f"| {each.offers} | {each.n_actions} | {each.call} | "
        f"{median(each.ours_us):,.1f} | {median(each.plain_us):,.1f} | "
        f"**{median(each.ratios):.2f}** | {min(each.ratios):.2f} to {max(each.ratios):.2f} |"
        for each in costs.compared
    ]
    known = [
        f"| {each.contexts} | {each.n_actions:,} | {median(each.known_us):,.1f} | {median(each.library_us):,.1f} | "
        f"**{each.ratio:.3f}** | {each.scores_us:,.1f} | {each.set_us:,.0f} | {each.version_us:,.0f} |"
        for each in costs.known
    ]
    columns = " | ".join(f"{call}, K = {n_actions:,}" for n_actions in N_ACTIONS for call in CALLS)
    encoding = _row("encoding the features", costs.encoding_us, costs.encoding_us)
    lines = [
        "## Cost of a policy: CPU microseconds per call",
        "",
        f"Vowpal Wabbit beside a plain script, both from the features on, {TURNS} turns each in alternation.",
        "",
        "| offers | K | call | ours | plain script | ours / plain, median | min to max |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *compared,
        "",
        "The same policy on a known set of actions, beside the library on the same actions. What a new set takes, it",
        "takes once for all versions of the policy; a new version takes that much longer for its first probabilities.",
        "",
        "| contexts | K | known set | library | known / library, median | scores alone | a new set | a new version |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *known,
        "",
        "Every kind of policy, on situations that are encoded; the first row is what encoding costs before.",
        "",
        f"| policy | {columns} |",
        f"|{' --- |' * (1 + 2 * len(N_ACTIONS))}",
        encoding,
        *(_row(each.kind, each.pmf_us, each.learn_us) for each in costs.kinds),
    ]
    return "\n".join(lines)


def _row(name: str, pmf_us: Sequence[float], learn_us: Sequence[float]) -> str:
    cells = [f"{us:,.1f}" for pair in zip(pmf_us, learn_us, strict=True) for us in pair]
    return f"| {' | '.join([name, *cells])} |"


if __name__ == "__main__":
    print(markdown(measure()))
