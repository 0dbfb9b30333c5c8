"""Tables of requests that the service has to refuse, one row per line of what "bad input" means.

A row says how a good request is spoiled, which field the refusal names, and what it quotes as received. The border
itself (1,000 offers, 200 features, 256 bytes, ...) is good input and is tested where features are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1 import placement_pb2
from attune.v1.placement_pb2 import EpsilonSpec, FixedSpec, PolicySpec, SquareCbSpec, VwSpec
from messages import control, features, fixed, numbered_offers, offer, offers, reward, rule, softmax

# Each character is two bytes of UTF-8: a limit counted in characters would let these pass.
LONG = "é" * 128 + "x"
NOT_FINITE = (math.nan, math.inf, -math.inf)
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Bad:
    """A way to spoil a request.

    Attributes:
        name: The row in words; pytest shows it.
        fields: Fields of the request that replace the good ones.
        where: How the path of the refused field begins.
        got: What the description quotes as received.
    """

    name: str
    fields: dict[str, Any] = field(repr=False)
    where: str
    got: str

    def __str__(self) -> str:
        """Returns the row's name."""
        return self.name


def bad_features() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Yields name, features, path and quote of each way to spoil features, of a context or of an offer alike."""
    for kind in ("numeric", "dense"):
        for value in (*NOT_FINITE, 1.1e6, -1.1e6):
            good, bad = ([1.0], [1.0, value]) if kind == "dense" else (1.0, value)
            yield f"{value} as {kind}", {kind: {"good": good, "x": bad}}, f'{kind}["x"]', f"{value:.10g}"
    harmless = {"numeric": 1.0, "categorical": "v", "tags": ["v"], "dense": [1.0]}
    for kind, known in harmless.items():
        yield f"empty name of {kind}", {kind: {"": known}}, kind, "empty"
        yield f"long name of {kind}", {kind: {LONG: known}}, kind, "257"
    # A name counts even when nothing stands under it.
    yield "empty name of no tags", {"tags": {"": []}}, "tags", "empty"
    yield "long name of no tags", {"tags": {LONG: []}}, "tags", "257"
    yield "empty name of an empty vector", {"dense": {"": []}}, "dense", "empty"
    yield "long name of an empty vector", {"dense": {LONG: []}}, "dense", "257"
    yield "long value", {"categorical": {"x": LONG}}, 'categorical["x"]', "257"
    yield "long tag", {"tags": {"x": ["v", LONG]}}, 'tags["x"]', "257"
    yield "201 numbers", {"numeric": {f"n{i}": 1.0 for i in range(201)}}, "", "201"
    yield "201 tags", {"tags": {"x": [f"t{i}" for i in range(201)]}}, "", "201"
    yield "201 components", {"dense": {"x": [1.0] * 201}}, "", "201"
    yield "201 of all kinds", mixed_features(201), "", "201"


def mixed_features(count: int) -> dict[str, Any]:
    """Builds arguments of `features` that count as `count` features, 50 of each of the last three kinds."""
    return {
        "numeric": {f"n{i}": 1.0 for i in range(count - 150)},
        "categorical": {f"c{i}": "v" for i in range(50)},
        "tags": {"x": [f"t{i}" for i in range(50)]},
        "dense": {"x": [1.0] * 50},
    }


def _bad_decides() -> Iterator[Bad]:
    yield Bad("ids beside offers", {"offer_ids": ["a"]}, "offer_ids", "1")
    yield Bad("long channel", {"channel": LONG}, "channel", "257")
    yield Bad("1,001 offers", {"offers": numbered_offers(1001)}, "offers", "1001")
    yield Bad("the same offer twice", {"offers": offers("a", "b", "a")}, "offers[2].id", '"a"')
    yield Bad("empty offer id", {"offers": offers("a", "")}, "offers[1].id", "nothing")
    yield Bad("long offer id", {"offers": offers("a", LONG)}, "offers[1].id", "257")
    yield Bad("long event id", {"event_id": LONG}, "event_id", "257")
    yield Bad("long customer id", {"customer_id": LONG}, "customer_id", "257")
    yield Bad("no placement", {"placement": ""}, "placement", "nothing")
    yield Bad("21 slots", {"slots": 21}, "slots", "21")
    yield Bad("4 billion slots", {"slots": 2**32 - 1}, "slots", str(2**32 - 1))
    yield Bad("ranking of 1,001", {"ranking_size": 1001}, "ranking_size", "1001")
    yield Bad("1,001 exclusions", {"excluded_offer_ids": [str(i) for i in range(1001)]}, "excluded_offer_ids", "1001")
    yield Bad("all excluded", {"excluded_offer_ids": ["a", "b", "c"]}, "excluded_offer_ids", "none")
    for name, spoiled, where, got in bad_features():
        known = features(**spoiled)
        yield Bad(f"context: {name}", {"context": known}, f"context.{where}".rstrip("."), got)
        path = f"offers[1].features.{where}".rstrip(".")
        yield Bad(f"offer: {name}", {"offers": [offer("a"), offer("b", known)]}, path, got)


def _vw(**fields: Any) -> dict[str, PolicySpec]:
    return {"policy": PolicySpec(vw=VwSpec(**fields))}


def _bad_policies() -> Iterator[Bad]:
    for value in (0.0, -1.0, 100.1, *NOT_FINITE):
        yield Bad(f"learning rate {value}", _vw(learning_rate=value), "policy.vw.learning_rate", f"{value:g}")
    for bits in (9, 25, 2**32 - 1):
        yield Bad(f"{bits} bits", _vw(bits=bits), "policy.vw.bits", str(bits))
    yield Bad("unknown crossings", _vw(crossings=9), "policy.vw.crossings", "9")
    for value in (0.0, -1.0, 2e6, *NOT_FINITE):
        yield Bad(
            f"gamma scale {value}", _vw(squarecb=SquareCbSpec(gamma_scale=value)), "policy.vw.squarecb.gamma_scale", ""
        )
    for value in (-0.1, 1.1, *NOT_FINITE):
        exponent = _vw(squarecb=SquareCbSpec(gamma_exponent=value))
        yield Bad(f"gamma exponent {value}", exponent, "policy.vw.squarecb.gamma_exponent", f"{value:g}")
        epsilon = _vw(epsilon=EpsilonSpec(epsilon=value))
        yield Bad(f"epsilon {value}", epsilon, "policy.vw.epsilon.epsilon", f"{value:g}")
        floor = {"policy": PolicySpec(min_probability=value)}
        yield Bad(f"floor {value}", floor, "policy.min_probability", f"{value:g}")
        yield Bad(f"control share {value}", {"control": control(value)}, "control.share", f"{value:g}")
    for value in (-0.1, 1000.5, *NOT_FINITE):
        yield Bad(f"lambda {value}", {"policy": softmax(value)}, "policy.vw.softmax.lambda", f"{value:g}")
    yield Bad("long fixed offer", {"policy": fixed(LONG)}, "policy.fixed.offer_id", "257")
    yield Bad(
        "long control offer", {"control": control(0.1, fixed=FixedSpec(offer_id=LONG))}, "control.fixed.offer_id", "257"
    )
    yield Bad("unknown store failure", {"store_failure": 9}, "store_failure", "9")


def _bad_rewards() -> Iterator[Bad]:
    windows = {
        "no window": (Duration(), "0"),
        "window just too short": (Duration(nanos=999_999_999), "0.999999999"),
        "negative window": (Duration(seconds=-1), "-1"),
        "window just too long": (Duration(seconds=90 * DAY_S + 1), "7776001"),
        # Not a Duration at all: the two parts must have the same sign.
        "window of two signs": (Duration(seconds=2, nanos=-1), "-1"),
        "window of too many nanos": (Duration(seconds=2, nanos=2_000_000_000), "2000000000"),
    }
    for name, (window, got) in windows.items():
        yield Bad(name, {"reward": placement_pb2.RewardSpec(window=window)}, "reward.window", got)
    for value in NOT_FINITE:
        for name in ("default_reward", "min", "max"):
            fields: dict[str, Any] = {name: value}
            yield Bad(f"{name} {value}", {"reward": reward(**fields)}, f"reward.{name}", f"{value:g}")
    yield Bad("max at min", {"reward": reward(min=1.0, max=1.0)}, "reward.max", "1")
    yield Bad("min above the default max", {"reward": reward(min=2000.0)}, "reward.m", "2000")
    for value in (0.0, *NOT_FINITE):
        yield Bad(f"weight {value}", {"reward": reward(rules=[rule(weight=value)])}, "reward.outcomes[0].weight", "")
    rows = {
        "nameless outcome": ([rule(""), rule("b")], "reward.outcomes[0].name", "nothing"),
        "long outcome name": ([rule("a"), rule(LONG)], "reward.outcomes[1].name", "257"),
        "the same outcome twice": ([rule("a"), rule("b"), rule("a")], "reward.outcomes[2].name", '"a"'),
        "51 outcomes": ([rule(f"r{i}") for i in range(51)], "reward.outcomes", "51"),
        # 2 is reserved for an aggregation that is not built.
        "unknown aggregation": ([rule(aggregation=99)], "reward.outcomes[0].aggregation", "99"),
    }
    for name, (rules, where, got) in rows.items():
        yield Bad(name, {"reward": reward(rules=rules)}, where, got)


def _bad_outcomes() -> Iterator[Bad]:
    yield Bad("unknown name", {"name": "purchase"}, "name", '"purchase"')
    yield Bad("no name", {"name": ""}, "name", "nothing")
    yield Bad("long name", {"name": LONG}, "name", "")
    yield Bad("long outcome id", {"outcome_id": LONG}, "outcome_id", "257")
    yield Bad("no event id", {"event_id": ""}, "event_id", "nothing")
    yield Bad("long event id", {"event_id": LONG}, "event_id", "257")
    yield Bad("no placement", {"placement": ""}, "placement", "nothing")
    yield Bad("unknown placement", {"placement": "nowhere"}, "placement", '"nowhere"')
    for value in (*NOT_FINITE, 1.1e9, -1.1e9):
        yield Bad(f"value {value}", {"value": value}, "value", "")
    yield Bad("second slot of a decision with one", {"slot": 1}, "slot", "1")
    yield Bad("slot 20", {"slot": 20}, "slot", "20")
    yield Bad("4 billionth slot", {"slot": 2**32 - 1}, "slot", str(2**32 - 1))
    yield Bad("time after 9999", {"occurred_at": Timestamp(seconds=10**15)}, "occurred_at", str(10**15))
    yield Bad("time of negative nanos", {"occurred_at": Timestamp(seconds=1, nanos=-5)}, "occurred_at", "-5")


DECIDES = tuple(_bad_decides())
PLACEMENTS = (*_bad_policies(), *_bad_rewards())
# A name is part of every key in the store.
NAMES = ("", "A", "_a", "-a", ".a", "a b", "a/b", "a:b", "a{b}", "}a", "é", "a\n", "a\0", "a" * 65)
OUTCOMES = tuple(_bad_outcomes())
