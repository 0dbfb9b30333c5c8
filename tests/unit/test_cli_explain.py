"""What `attune explain` shows of a decision."""

from io import StringIO

import pytest
from rich.console import Console

from attune.cli.explain import in_words, offers_table, printable, summary
from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    MODE_FALLBACK,
    MODE_LEARNED,
    Choice,
    Contribution,
    Decision,
    EligibleOffer,
)
from attune.v1.features_pb2 import FEATURE_SOURCE_CONTEXT, FEATURE_SOURCE_OFFER, FEATURE_SOURCE_UNSPECIFIED, Offer

MOBILE = Contribution(source=FEATURE_SOURCE_CONTEXT, name="device", value="mobile", amount=0.12)
PRICE = Contribution(source=FEATURE_SOURCE_OFFER, name="price", amount=-0.05)
CONSTANT = Contribution(source=FEATURE_SOURCE_UNSPECIFIED, amount=0.01)
DECISION = Decision(
    placement="home",
    event_id="e1",
    policy_version=3,
    explained_by=3,
    mode=MODE_LEARNED,
    choices=[Choice(offer_id="b", propensity=0.2)],
    offers=[
        EligibleOffer(offer=Offer(id="a"), probability=0.1),
        EligibleOffer(offer=Offer(id="b"), probability=0.2, score=0.0, contributions=[]),
        EligibleOffer(offer=Offer(id="c"), probability=0.7, score=0.08, contributions=[MOBILE, PRICE, CONSTANT]),
    ],
)


def shown(decision: Decision, top: int) -> list[list[str]]:
    """Return the lines of the table, as words."""
    console = Console(width=120, file=StringIO())
    with console.capture() as captured:
        console.print(offers_table(decision, top))
    return [line.split() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    ("contribution", "words"),
    [
        (MOBILE, "device = mobile"),  # of the context
        (PRICE, "offer's price"),  # a number of the offer
        (Contribution(source=FEATURE_SOURCE_OFFER, name="topic", value="news"), "offer's topic = news"),  # a word
        (Contribution(source=FEATURE_SOURCE_CONTEXT, name="taste", value="[3]"), "taste[3]"),  # of a vector
        (Contribution(source=FEATURE_SOURCE_OFFER, value="a"), "(the offer itself)"),  # its id
        (CONSTANT, "(every score)"),  # of no feature
    ],
)
def test_a_feature_has_the_name_its_caller_gave_it(contribution: Contribution, words: str) -> None:
    assert in_words(contribution) == words


def test_the_table_shows_what_moved_each_score_most_and_sums_the_rest() -> None:
    header, *lines = shown(DECISION, top=1)
    assert header == ["offer", "probability", "score", "what", "moved", "the", "score", "most"]
    assert lines == [
        ["c", "0.7000", "+0.0800", "device", "=", "mobile", "+0.1200"],
        ["(2", "more)", "-0.0400"],
        ["b", "(chosen)", "0.2000", "+0.0000", "(nothing", "yet)"],
    ]


def test_all_features_are_shown_where_there_is_room() -> None:
    assert [line[-1] for line in shown(DECISION, top=3)[1:]] == ["+0.1200", "-0.0500", "+0.0100", "yet)"]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (MODE_LEARNED, "version 3"),
        (MODE_CONTROL, "the control group's baseline"),
        (MODE_FALLBACK, "a uniform draw"),
    ],
)
def test_the_summary_says_who_decided_and_what_explains(mode: int, words: str) -> None:
    decision = Decision()
    decision.CopyFrom(DECISION)
    decision.mode = mode
    assert list(summary(decision)) == [
        f"home e1: decided by {words}, explained by version 3",
        "2 of 3 offers are explained: the chosen, then the most probable.",
    ]


def test_the_summary_says_when_there_is_nothing_to_explain() -> None:
    bare = Decision(placement="home", event_id="e\x1b[2J", offers=[EligibleOffer(offer=Offer(id="a"))])
    assert list(summary(bare)) == [
        "home e\\x1b[2J: decided by version 0, explained by version 0",
        "The policy that explains has no scores, or cannot be loaded.",
    ]


def test_a_caller_s_text_cannot_steer_a_terminal_or_the_table() -> None:
    assert printable("é [red] \x1b]0;x\a\n\u202e") == "é [red] \\x1b]0;x\\x07\\n\\u202e"
    nasty = Decision(offers=[EligibleOffer(offer=Offer(id="[red]\x1b"), score=0.5, probability=1.0)])
    assert shown(nasty, top=1)[1][0] == "[red]\\x1b"
