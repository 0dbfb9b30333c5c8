"""Where the page of a report goes: looked at before the work is done, written after it."""

import os
from pathlib import Path

from attune.errors import SettingError
from attune.reports.report import EvaluationReport


def check(path: Path | None) -> None:
    """Refuse a place where no page can be written, before the work is done; None is for no page.

    Raises:
        SettingError: It is none.
    """
    if path is None:
        return
    is_new = not path.exists()
    if (
        path.is_dir()
        or (is_new and not path.parent.is_dir())
        or not os.access(path.parent if is_new else path, os.W_OK)
    ):
        raise SettingError(f"--html: expected a file that can be written, in a directory that exists, got {path}")


def write(path: Path, report: EvaluationReport) -> None:
    """Write a report as one page.

    Raises:
        SettingError: It cannot be written.
    """
    from attune.reports.html import render  # noqa: PLC0415 - only this way needs it

    written(path, render(report))


def written(path: Path, page: str) -> None:
    """Write a page.

    Raises:
        SettingError: It cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingError(f"--html: expected a file that can be written, got {path}: {error.strerror}") from error
