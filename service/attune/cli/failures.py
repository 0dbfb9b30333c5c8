"""How a command ends: exit codes that scripts can use, and one line on stderr that says what was wrong."""

from collections.abc import Iterator

from attune.errors import (
    DataDirInUseError,
    ExpectedError,
    InvalidInputError,
    SettingError,
    StoreUnavailableError,
    Violation,
)

FAILED = 1
USAGE = 2
UNAVAILABLE = 69  # EX_UNAVAILABLE in <sysexits.h>
BAD_SETTING = 78  # EX_CONFIG in <sysexits.h>

EXIT_CODES_HELP = (
    "Exit codes: 0 ok, 1 failed, 2 wrong usage, 69 the service, the store or the data directory is not available, "
    "78 bad setting or file."
)


class CallError(ExpectedError):
    """A service did not do what it was asked to.

    Attributes:
        exit_code: What the command ends with.
        violations: The fields that the service refused, where it named any.
    """

    def __init__(self, message: str, exit_code: int, violations: tuple[Violation, ...] = ()) -> None:
        """Keep what there is to know."""
        super().__init__(message)
        self.exit_code = exit_code
        self.violations = violations


def exit_code(error: ExpectedError) -> int:
    """Return what a command ends with after this error."""
    match error:
        case CallError():
            return error.exit_code
        case SettingError() | InvalidInputError():
            return BAD_SETTING
        case StoreUnavailableError() | DataDirInUseError():
            return UNAVAILABLE
        case _:
            return FAILED


def lines(error: ExpectedError) -> Iterator[str]:
    """Yield what is shown for an error: a line for each thing that is wrong."""
    if isinstance(error, InvalidInputError):
        yield from map(str, error.violations)
    else:
        yield str(error)
