"""Actions that are kept parsed change nothing but the time it takes: same bits, same bytes, no memory left behind.

The reference is what anybody would write: text, for every action, every time, through the library's own wrapper.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from attune_models import pmf as pmfs
from attune_models import vw_model
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import Exploration, VwPolicy, VwSpec
from attune_models.vw_spec import arguments
from paired_users import SMALL, bits_of, every_exploration, interactions, shared_line, situation_for, trained
from vw_policies import every_spec


class TextModel(vw_model.VwModel):
    """The same model, played as text through the wrapper."""

    def action_scores(self, context: str, actions: Sequence[str]) -> list[float]:
        """Predict; the wrapper parses, predicts and finishes."""
        scores: list[float] = self.workspace.predict(self.lines(context, actions))
        return scores

    def learn(self, context: str, actions: Sequence[str], chosen: int, label: str) -> None:
        """Learn; the wrapper parses, learns and finishes."""
        lines = self.lines(context, actions)
        lines[1 + chosen] = f"{label} {lines[1 + chosen]}"
        self.workspace.learn(lines)

    def lines(self, context: str, actions: Sequence[str]) -> list[str]:
        """Return a situation in Vowpal Wabbit's text format."""
        return [self._shared(context), *map(self._line, actions)]


def played_as_text(spec: VwSpec) -> VwPolicy:
    """Return an untrained policy that keeps nothing."""
    policy = VwPolicy(spec)
    pairs, layout = policy._pairs, policy._layout  # noqa: SLF001 - see TextModel
    policy.__dict__["_model"] = TextModel(arguments(spec), pairs=pairs, layout=layout)
    return policy


LONG = FeatureSet(categorical={f"f{i}": "x" * 40 for i in range(60)})


def offer(number: int, random: Random) -> PlainAction:
    """Return an offer that stays as it is, or (0) has another price each time, or (1) is too long to be kept."""
    if number == 1:
        return PlainAction("1", LONG)
    price = random.random() if number == 0 else float(number)
    return PlainAction(f"{number}", FeatureSet({"price": price}, {"topic": f"{number % 3}"}))


@cache
def log(n_rounds: int) -> list[Interaction]:
    """Return a log of 1 to 6 out of 12 offers in changing order, with several propensities and rewards."""
    random, kept = Random(1), []
    for _ in range(n_rounds):
        context = FeatureSet({"age": 3.5}, {"user": f"{random.randrange(5)}", "device": random.choice("md")})
        offers = [offer(number, random) for number in random.sample(range(12), random.randint(1, 6))]
        chosen, propensity = random.randrange(len(offers)), random.choice((0.05, 0.25, 1.0))
        reward = random.choice((0.0, 0.0, 1.0, -0.5, 3.25))
        kept.append(Interaction(situation(context, offers), chosen, propensity, reward))
    return kept


# --- the same as text through the wrapper


@every_spec
def test_what_is_learned_has_the_bytes_of_text_through_the_wrapper(spec: VwSpec) -> None:
    """The whole model file, counters and all, after 500 interactions, deciding on the way now and then."""
    ours, text = VwPolicy(spec), played_as_text(spec)
    for i, interaction in enumerate(log(500)):
        if i % 3 == 0:
            assert ours.pmf(interaction.situation) == text.pmf(interaction.situation)
        ours.learn(interaction)
        text.learn(interaction)
    assert ours.dumps() == text.dumps()
    assert ours._model._kept, "actions were kept"  # noqa: SLF001


@every_exploration
def test_kept_actions_predict_the_same_bits_as_actions_parsed_anew(exploration: Exploration) -> None:
    policy = trained(VwSpec(exploration))
    state, first = policy.dumps(), bits_of(policy)
    anew = VwPolicy(VwSpec(exploration))
    for i in range(10):
        anew.loads(state)
        assert anew.pmf(situation_for(f"{i}", 7)) == policy.pmf(situation_for(f"{i}", 7))
    assert bits_of(policy) == first


def test_kept_actions_follow_what_is_learned_later() -> None:
    """The weights are looked up when predicting, not when parsing."""
    asked, silent = VwPolicy(VwSpec()), VwPolicy(VwSpec())
    before = bits_of(asked)
    for interaction in interactions(100):
        asked.learn(interaction)
        silent.learn(interaction)
    assert bits_of(asked) == bits_of(silent) != before


def test_no_more_than_so_many_actions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = trained(VwSpec())
    expected = bits_of(policy)
    monkeypatch.setattr("attune_models.vw_model._MAX_KEPT_ACTIONS", 3)
    policy.loads(policy.dumps())
    for _ in range(3):
        assert bits_of(policy) == expected
    assert 0 < len(policy._model._kept) <= 3  # noqa: SLF001
    assert len(policy._model._met) <= 3  # noqa: SLF001


@every_exploration
def test_below_the_wrapper_the_bits_are_those_of_the_wrapper(exploration: Exploration) -> None:
    """The private names that the module uses do what the public ones do."""
    policy = trained(VwSpec(exploration))
    for i in range(20):
        asked = situation_for(f"{i % 7}", 1 + i % 5)
        lines = [shared_line(asked), *(f"|o {action}" for action in asked.actions)]
        public = policy._model.workspace.predict(lines)  # noqa: SLF001 - the wrapper itself
        assert policy.pmf(asked) == pmfs.normalised(public)


@every_exploration
def test_learning_below_the_wrapper_changes_the_bits_as_through_it(exploration: Exploration) -> None:
    below, through = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for each in interactions(50):
        unweighted = Interaction(each.situation, each.chosen, 1.0, each.reward)
        below.learn(unweighted)
        lines = [f"|o {action}" for action in each.situation.actions]
        lines[each.chosen] = f"0:{-each.reward}:1.0 {lines[each.chosen]}"
        through._model.workspace.learn([shared_line(each.situation), *lines])  # noqa: SLF001 - the wrapper
    assert bits_of(below) == bits_of(through)


@every_spec
def test_an_action_that_stands_twice_is_two_actions_as_in_text(spec: VwSpec) -> None:
    """Kept, it would be one example twice, with which Vowpal Wabbit ends the process under regcb."""
    ours, text = VwPolicy(spec), played_as_text(spec)
    twice = Situation("user=1", ["a", "b", "a", "b"], ["=a", "=b", "=a", "=b"])
    for i in range(40):
        for policy in (ours, text):
            policy.learn(Interaction(twice, i % 4, 0.5, float(i % 2)))
        assert ours.pmf(twice) == text.pmf(twice)
        assert len(ours.pmf(twice)) == len(text.pmf(twice)) == 4
    assert ours.dumps() == text.dumps()


# --- how little is parsed


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that are parsed into the workspace's pool, in their order."""
    lines: list[str] = []
    parse = vw_model._parse  # noqa: SLF001 - what is watched lies below the policy

    def watched(workspace: Any, text: str) -> Any:
        lines.extend(text.split("\n"))
        return parse(workspace, text)

    monkeypatch.setattr(vw_model, "_parse", watched)
    return lines


@pytest.mark.parametrize("n_actions", [1, 10, 1000])
def test_of_actions_that_come_again_only_the_context_and_the_chosen_one_are_parsed(
    n_actions: int, parsed: list[str]
) -> None:
    """What a decision and a lesson cost does not grow with the length of the offers' texts."""
    policy, asked = VwPolicy(VwSpec(bits=SMALL)), situation_for("1", n_actions)
    for _ in range(2):
        policy.pmf(asked)
    parsed.clear()
    policy.pmf(asked)
    assert parsed == [shared_line(asked)]
    parsed.clear()
    chosen = n_actions // 2
    policy.learn(Interaction(asked, chosen, 1.0, 0.5))
    assert parsed == [shared_line(asked), f"0:-0.5:1.0 |o {asked.actions[chosen]}"]


def test_what_comes_once_and_what_is_very_long_is_not_kept() -> None:
    policy = VwPolicy(VwSpec(bits=SMALL))
    for price in range(50):
        offers = [PlainAction("long", LONG), PlainAction("a", FeatureSet({"price": float(price)})), PlainAction("b")]
        policy.learn(Interaction(situation(FeatureSet(), offers), 0, 0.5, 1.0))
    assert list(policy._model._kept) == ["=b"]  # noqa: SLF001


def test_predicting_and_then_learning_what_comes_once_keeps_nothing() -> None:
    """A replay asks about every situation before it learns it; to keep its actions would take longer than to parse."""
    policy = VwPolicy(VwSpec(bits=SMALL))
    for price in range(50):
        passing = situation(FeatureSet(), [PlainAction("a", FeatureSet({"price": float(price)})), PlainAction("b")])
        policy.pmf(passing)
        policy.learn(Interaction(passing, 1, 0.5, 1.0))
    assert list(policy._model._kept) == ["=b"]  # noqa: SLF001


# --- memory


def resident_bytes() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc says it")
def test_replacing_a_model_gives_its_memory_back() -> None:
    """Each model keeps 20 parsed actions of 30 kB: left behind, 100 models would take 60 MB more."""
    policy, asked = trained(VwSpec(bits=SMALL), 5), situation_for("1", 20)
    state = policy.dumps()

    def cycle(times: int) -> int:
        for _ in range(times):
            policy.loads(state)
            for _ in range(2):
                policy.pmf(asked)
        return resident_bytes()

    before = cycle(30)
    assert cycle(100) - before < 10e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc says it")
def test_deciding_and_learning_give_their_memory_back() -> None:
    """An example that is not finished takes 30 kB: 2,000 rounds of one would take 60 MB."""
    policy, asked = trained(VwSpec(bits=SMALL), 5), situation_for("1", 5)

    def play(times: int) -> int:
        for _ in range(times):
            policy.learn(Interaction(asked, 0, 0.2, float(policy.pmf(asked)[0] > 0)))
        return resident_bytes()

    before = play(200)
    assert play(2000) - before < 10e6


def grown_by(step: Callable[[int], None], warm_up: int, times: int) -> int:
    """Return by how many bytes the process grows in so many steps, once it has what it needs."""
    for i in range(warm_up):
        step(i)
    before = resident_bytes()
    for i in range(times):
        step(i)
    return resident_bytes() - before


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc says it")
@pytest.mark.parametrize("kept", [True, False], ids=["actions that come again", "actions that come once"])
def test_twenty_thousand_lessons_take_less_than_a_megabyte(kept: bool) -> None:  # noqa: FBT001 - a parameter
    """50 bytes a lesson would be one."""
    policy = VwPolicy(VwSpec(bits=SMALL))

    def lesson(i: int) -> None:
        first = "a" if kept else f"a{i}"
        asked = Situation("user=1", [first, "b"], [f"={first}", "=b"])
        policy.learn(Interaction(asked, i % 2, 0.5, float(i % 3 == 0)))

    assert grown_by(lesson, 10_000, 20_000) < 1e6
