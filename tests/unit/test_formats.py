"""The formats of an export."""

import sys

import pytest

from attune.cli.export import FileFormat
from attune.errors import SettingError
from attune.logs import formats


def test_the_command_knows_every_format() -> None:
    assert tuple(each.value for each in FileFormat) == formats.NAMES
    assert [formats.named(name).suffix for name in formats.NAMES] == [".parquet", ".dsjson"]


def test_without_its_library_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what Python itself notes for a module that is not there
    with pytest.raises(SettingError, match=r"pip install 'attune\[export\]'"):
        formats.named("parquet")
    assert formats.named("dsjson").suffix == ".dsjson"
