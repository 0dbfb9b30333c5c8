"""What settings accept."""

from attune.settings import days_of, names_of


def test_lists_are_read() -> None:
    assert days_of("1, 7,30") == (1.0, 7.0, 30.0)
    assert names_of(" phone,, name ") == {"phone", "name"}
    assert names_of("") == set()
