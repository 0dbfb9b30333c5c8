"""Offers that were read before."""

from attune.logs.kept import Kept


def test_a_value_is_made_once_and_the_ones_that_are_asked_for_stay() -> None:
    kept: Kept[str] = Kept()
    made: list[str] = []

    def value(text: str) -> str:
        return kept.get(text, lambda: made.append(text) or text.upper())

    assert [value("a"), value("b"), value("a")] == ["A", "B", "A"]
    for n in range(2047):
        value(str(n))
    assert value("a") == "A"
    assert made.count("a") == 1
    value("b")  # was asked for before all others: it has gone
    assert made.count("b") == 2


def test_long_texts_are_not_kept() -> None:
    kept: Kept[object] = Kept()
    assert kept.get("x" * 4097, object) is not kept.get("x" * 4097, object)
    assert kept.get("x" * 4096, object) is kept.get("x" * 4096, object)
