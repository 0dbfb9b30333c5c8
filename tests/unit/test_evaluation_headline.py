"""What a report says in a sentence: never more than it knows."""

from attune.reports.headline import headline
from evaluation_reports import LOGGED, estimate, refused, report, target

MINUS = "\N{MINUS SIGN}"


def test_a_proved_difference_is_said_with_its_size_and_how_sure_it_is() -> None:
    told = headline(report(target("softmax", 0.0612)))
    assert told.level == "better"
    assert told.sentence == (
        "“softmax” would have earned more than what was really decided: +0.0112 a decision, +22.4 % "
        "(95 % interval +0.0082 to +0.0142)."
    )
    assert told.details == ()


def test_what_may_be_chance_is_said_to_be() -> None:
    told = headline(report(target("softmax", LOGGED + 0.001)))
    assert told.level == "open"
    assert told.sentence.startswith(
        "Nothing is proved better than what was really decided. The best guess is “softmax”"
    )


def test_what_is_worse_is_said_to_be() -> None:
    told = headline(report(target("softmax", 0.03), baseline="control"))
    assert told.level == "worse"
    assert told.sentence.startswith(
        f"Nothing would have earned more than “control”. The nearest, “softmax”: {MINUS}0.0200 a"
    )


def test_a_log_that_says_nothing_is_said_to() -> None:
    told = headline(report(refused("one"), refused("two")))
    assert told.level == "refuse"
    assert told.sentence == "This log cannot say what any of these policies would have earned."
    assert told.details[0].startswith("2 policies are refused, because")
    assert headline(report(refused("one"))).sentence == "This log cannot say what this policy would have earned."
    baseless = headline(report(target("one", 0.09), refused("two"), baseline="two"))
    assert baseless.sentence == "Nothing can be compared with “two”: it is refused."
    assert headline(report()).sentence == "There is nothing to compare: only the baseline was evaluated."


def test_the_best_of_several_is_corrected_and_caution_says_why() -> None:
    found = target("one", LOGGED + 0.01, half=0.01, verdict="caution", reasons=["Few decisions count.", "Drift."])
    told = headline(report(found, *(target(f"low{i}", 0.04) for i in range(9))))
    assert told.details == (
        "Take it with caution: Few decisions count.",
        (
            "It is the best of 10, and the best of many always looks better than it is. Corrected for that "
            "(Bonferroni), confidence that the difference is not chance falls from 95 % to 50 %, and its 95 % interval "
            f"becomes {MINUS}0.0043 to +0.0243."
        ),
    )


def test_confidence_that_correction_leaves_as_it_is_or_uses_up_is_said_so() -> None:
    (sure,) = headline(report(target("a", 0.09), target("b", 0.04))).details
    assert "stays more than 99.99 %" in sure
    (unsure,) = headline(report(target("a", LOGGED + 0.0001), target("b", 0.04))).details
    assert "to nothing" in unsure


def test_what_was_skipped_interrupted_or_insisted_on_is_said() -> None:
    forced = refused("forced", estimates=[estimate(0.9, 0.1)])
    told = headline(report(forced, refused=3, complete=False))
    assert told.details == (
        (
            "1 policy is refused, because the log cannot say what would have happened. Numbers are shown all the same, "
            "because somebody insisted."
        ),
        "3 rows of the log were skipped, because something is wrong with them.",
        "It was interrupted: this is about the first 10,000 decisions.",
    )
