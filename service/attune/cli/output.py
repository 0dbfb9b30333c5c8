"""How commands show what a service answered: tables for people, JSON for scripts."""

import sys
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.table import Table

PIPE_WIDTH = 200


def show(what: RenderableType) -> None:
    """Print a table or text."""
    # A pipe has no width of its own: there, nothing is to be folded.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(what)


def empty_table(first: str) -> Table:
    """Return a table whose first column has this title."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first, overflow="fold")
    return table


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message as JSON knows it, under the contract's names and with every field that has no presence."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def plain(text: str) -> str:
    """Return text that cannot move the terminal's cursor: names and values come from callers."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
