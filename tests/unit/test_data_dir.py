"""The key that customers of an embedded store are stored under: made once, for this user only, and never replaced."""

import stat
from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.settings import KEY
from attune.store.data_dir import customer_key


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = customer_key(tmp_path)
    assert KEY.fullmatch(key)
    assert len(bytes.fromhex(key)) == 32
    assert customer_key(tmp_path) == key
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_directory_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert customer_key(tmp_path / "a") != customer_key(tmp_path / "b")


def test_what_was_left_of_an_attempt_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "customer.new").write_text("half a k")
    assert customer_key(tmp_path) == customer_key(tmp_path)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "not hexadecimal, but long enough for one", "\xff" * 40])
def test_a_damaged_key_is_an_error_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "customer.key"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=r"customers\.key: expected .*customer\.key"):
        customer_key(tmp_path)
    assert file.read_text(encoding="utf-8") == text


def test_where_none_can_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"customers\.key"):
        customer_key(tmp_path / "absent")
