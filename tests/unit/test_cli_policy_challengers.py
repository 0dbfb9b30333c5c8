"""What `attune policy challengers` shows: figures with their bounds, why they can be trusted or not, who took over."""

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from attune.cli.policy_challengers import challengers_shown, promotion_line
from attune.v1.placement_service_pb2 import (
    VERDICT_REFUSE,
    VERDICT_TRUST,
    ChallengerPromotion,
    ChallengerStatus,
    ListChallengersResponse,
    ValueEstimate,
    Verdict,
)

PROMOTION = ChallengerPromotion(name="softmax", promoted_at=Timestamp(seconds=1_795_000_000), reason="Why.", version=7)


def challenger(verdict: Verdict) -> ChallengerStatus:
    return ChallengerStatus(
        name="softmax",
        interactions=12_345,
        measured=2000,
        value=ValueEstimate(value=0.5, low=0.41, high=0.62, confidence=0.95),
        policy_value=ValueEstimate(value=0.4, low=0.35, high=0.45, confidence=0.95),
        difference=ValueEstimate(value=0.1, low=-0.02, high=0.23, confidence=0.975),
        verdict=verdict,
        reason="Nothing speaks against it.",
    )


def shown(*challengers: ChallengerStatus, promotion: ChallengerPromotion | None = None) -> list[str]:
    reply = ListChallengersResponse(challengers=challengers, last_promotion=promotion)
    return lines(challengers_shown("home", reply))


def lines(what: RenderableType) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(what)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_figures_are_shown_with_their_bounds() -> None:
    _, row, _, reason = shown(challenger(VERDICT_TRUST))
    assert row.split("  ")[0] == "softmax"
    figures = "12,345  2,000  0.5 [0.41, 0.62]  0.4 [0.35, 0.45]  +0.1 [-0.02, +0.23]  trust"
    assert row.split()[1:] == figures.split()
    assert reason == "softmax: Nothing speaks against it."


def test_what_is_refused_is_no_number() -> None:
    """What the policy earned was counted, so that is one."""
    row = shown(challenger(VERDICT_REFUSE))[1]
    assert row.split()[3:] == ["-", "0.4", "[0.35,", "0.45]", "-", "refuse"]


def test_before_anything_was_measured_there_are_no_figures() -> None:
    row, *_ = shown(ChallengerStatus(name="softmax", reason="The learner has not begun yet."))[1:]
    assert row.split() == ["softmax", "0", "0", "-", "-", "-", "-"]


def test_a_promotion_stays_visible() -> None:
    assert shown(promotion=PROMOTION) == [
        "home names no challengers: add them to its file, and apply it",
        "",
        promotion_line("home", PROMOTION, []),
    ]
    assert promotion_line("home", PROMOTION, ["other"]) == (
        'home: challenger "softmax" became the policy on 2026-11-18 11:06:40 UTC, with version 7. Why.'
    )


def test_a_promotion_that_a_file_from_before_took_back_says_so() -> None:
    *_, line = shown(challenger(VERDICT_TRUST), promotion=PROMOTION)
    assert line.endswith("Why. It is a challenger again: that was taken back.")
