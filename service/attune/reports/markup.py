"""Builds HTML and SVG out of elements, so that nothing from a caller can be taken for markup.

What is put into an element is text, and escaped, unless an element was made of it before. The result is well-formed
XML as well as HTML: a strict parser can check it.
"""

import re
from html import escape
from typing import TypeAlias

# What XML cannot hold, and what changes how the text around it is read: controls, overrides of the direction of
# writing, halves of characters, and no characters.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = str | int | None
"""Of an element: markup, text, or nothing."""


def text(value: object) -> Markup:
    """Return anything as text that stands for itself, between elements and in the quotes of an attribute alike."""
    return value if isinstance(value, Markup) else Markup(escape(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(value))))


def joined(*children: Child) -> Markup:
    """Return children one after the other."""
    return Markup("".join(text(child) for child in children if child is not None))


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: Its name; never from a caller.
        children: What is in it; None is left out.
        attributes: Its attributes; None is left out. Underscores are hyphens, one at the end is dropped (`class_`).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    # Only what is empty by nature may be closed at once: a browser reads `<td/>` as a `<td>` that is still open.
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


_EMPTY = {"br", "circle", "line", "meta", "path", "polygon", "polyline", "rect"}


def _attribute(value: str | float) -> str:
    """Return a coordinate with a hundredth of a pixel, and text as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
