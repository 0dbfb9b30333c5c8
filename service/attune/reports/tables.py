"""Tables of a page: a caption, columns, rows."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from attune.reports.markup import Child, Markup, element

NAME, NUMBER, TEXT = "name", "number", "text"
"""Of a column: `NAME` for what a caller has named, `NUMBER` for numbers."""

HEADED = "number headed"
"""Numbers below a long title, which may be folded."""

Columns: TypeAlias = Sequence[tuple[str, str]]
"""The title of each column, and what is in it."""


def table(caption: str, columns: Columns, rows: Iterable[Sequence[Child]]) -> Markup:
    """Return a table.

    Args:
        caption: Written above it.
        columns: The columns.
        rows: A cell for each column; the first one names the row.
    """
    head = element("tr", *(element("th", title, scope="col", class_=style) for title, style in columns))
    body = [element("tr", *_cells(row, [style for _, style in columns])) for row in rows]
    inner = (element("caption", caption), element("thead", head), element("tbody", *body))
    return element("div", element("table", *inner), class_="wide")


def folded(inner: Markup) -> Markup:
    """Return a table that has to be opened: it says the same as a chart above it."""
    return element("details", element("summary", "The same as a table"), inner)


def _cells(row: Sequence[Child], styles: Sequence[str]) -> list[Markup]:
    first, *others = row
    head = element("th", first, scope="row", class_=styles[0])
    return [head, *(element("td", cell, class_=style) for cell, style in zip(others, styles[1:], strict=True))]
