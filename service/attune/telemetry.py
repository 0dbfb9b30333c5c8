"""Logging: one line per event on stderr, for people or for log collectors.

Every process calls `configure` once, first thing; modules only ever do `logging.getLogger(__name__)`. What a record
carries besides its message, `logger.info("...", extra={"placement": name})`, is shown as `placement=home_hero` in
the text format and as a member of its own in the JSON format.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from attune.settings import LogSettings

# What every record has: whatever else it has came with `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(settings: LogSettings, *, process: str = "attune") -> None:
    """Send the log of this process to stderr. May be called again; the last call counts.

    Args:
        settings: Level and format.
        process: What this process is, for example `learner`; part of every line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if settings.format == "json" else TextFormatter(process))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


class TextFormatter(logging.Formatter):
    """`2026-03-01T12:00:00.123Z info learner: message key=value`, with a traceback below where there is one."""

    def __init__(self, process: str) -> None:
        """Keep what this process is called."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text. Line breaks in a message are escaped: one event is one line."""
        extra = "".join(f" {key}={value}" for key, value in _extra(record).items())
        message = (record.getMessage() + extra).replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname.lower()} {self._process}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, process, logger, message, what came with `extra`, exception."""

    def __init__(self, process: str) -> None:
        """Keep what this process is called."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a JSON object on one line. Values JSON does not know are shown as text."""
        line = {
            **_extra(record),
            "time": _time(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
