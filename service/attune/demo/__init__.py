"""The demo: a small shop whose customers are simulated, driven through a real service over gRPC.

`story` tells it from start to end; it runs the `shop` (a service in a process of its own), sends it the `traffic` of
the `simulation`, books what comes back in a `ledger`, shows it on a `screen` made of `chart`s, and ends with a
`summary` of what was earned and a `proof` that nothing was lost. The demo is a client like any other: of attune it
knows the contract and the command line, nothing inside.
"""

from attune.errors import ExpectedError


class DemoError(ExpectedError):
    """The demo could not run, or what it promises did not hold."""
