"""A page that needs nothing else: no network, no script, no other file."""

from functools import cache
from importlib.resources import files

from attune.reports.markup import Child, Markup, element


def page(title: str, *children: Child) -> str:
    """Return a whole page.

    Args:
        title: What a browser calls it.
        children: What is on it, from above.

    Returns:
        HTML, well-formed XML as well.
    """
    head = (
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(_style())),
    )
    body = element("body", element("main", *children))
    return f"<!DOCTYPE html>\n{element('html', element('head', *head), body, lang='en')}\n"


def section(title: str, *children: Child) -> Markup:
    """Return a part of a page with a title of its own."""
    return element("section", element("h2", title), *children)


@cache
def _style() -> str:
    return (files(__package__) / "report.css").read_text(encoding="utf-8")
