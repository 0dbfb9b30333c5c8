"""Every error attune raises on purpose, and whether the caller can do something about it.

`ExpectedError` is part of normal life: the message names the field or setting, what was expected and what came, and
is shown to the caller as it is. Everything else is a bug: it is logged with an id, and the caller sees only the id.
The mapping to gRPC status codes is in `attune.api.status`, to exit codes in `attune.cli.app`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with what came in.

    Attributes:
        field: Path of the field, for example `offers[3].features.numeric["price"]`.
        description: What was expected and what came.
    """

    field: str
    description: str

    def __str__(self) -> str:
        """Return `field: description`."""
        return f"{self.field}: {self.description}"


class AttuneError(Exception):
    """Root of the tree."""


class ExpectedError(AttuneError):
    """The caller, or the operator, can act on it."""


class InvalidInputError(ExpectedError):
    """What came in breaks the contract."""

    def __init__(self, *violations: Violation) -> None:
        """Keep the violations; there is at least one."""
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


class NotFoundError(ExpectedError):
    """What was named does not exist."""


class AlreadyExistsError(ExpectedError):
    """An id is taken by something different."""


class NothingEligibleError(ExpectedError):
    """There is no offer that a decision may draw.

    Attributes:
        shows_nothing: Whether the placement has a default offer for that, which may not be shown now either.
    """

    def __init__(self, said: str, *, shows_nothing: bool = False) -> None:
        """Keep what was expected and what came."""
        super().__init__(said)
        self.shows_nothing = shows_nothing


class CustomersNotKeptError(ExpectedError):
    """The service has no key to store customers under."""

    def __init__(self) -> None:
        """Say which setting is missing."""
        super().__init__("customers.key: expected a key in the settings of the service, got none")


class NoConsentError(ExpectedError):
    """The customer has not allowed it; nothing was stored."""


class StillNamedError(ExpectedError):
    """What is to be deleted is named by something else; nothing was changed."""


class LimitReachedError(ExpectedError):
    """What is kept would become more than there may be; nothing was changed."""


class StoreUnavailableError(ExpectedError):
    """The store did not answer in time, or not at all."""


class NotBuiltError(ExpectedError):
    """The contract has it, the service not yet."""


class OverloadedError(ExpectedError):
    """There is more to do than can be done in time; what was asked for was not done."""


class SettingError(ExpectedError):
    """A setting is unknown, of the wrong type or out of range."""


class BadLogError(ExpectedError):
    """A log that is to be evaluated has a row that cannot be counted, or none that can."""


class DataDirInUseError(ExpectedError):
    """Another service holds the data directory."""


class FencedError(ExpectedError):
    """Another learner has taken over the placement; what this one was about to commit is refused."""


class UnusableVersionError(ExpectedError):
    """A version was asked for whose weights are damaged."""


class BadSnapshotError(AttuneError):
    """Weights from the store are not what was committed, or do not make a usable policy."""
