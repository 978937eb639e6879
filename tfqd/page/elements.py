"""Elements of HTML and SVG; texts and attributes are escaped when the page is written."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from xml.etree.ElementTree import Element

Content = Element | str | Iterable["Content"]


def element(tag: str, *content: Content, **attributes: str | float) -> Element:
    """An element with texts, other elements, or iterables of these, in it.

    Args:
        tag: its name.
        content: what it holds.
        attributes: by name; ``class_`` is class, and ``text_anchor`` text-anchor.
    """
    made = Element(tag, {_attribute(name): _text(value) for name, value in attributes.items()})
    for each in content:
        _append(made, each)
    return made


def document(root: Element) -> str:
    """The text of an HTML document."""
    html = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{html}\n"


def _append(parent: Element, content: Content) -> None:
    if isinstance(content, Element):
        parent.append(content)
    elif isinstance(content, str):
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + content
        else:
            parent.text = (parent.text or "") + content
    else:
        for each in content:
            _append(parent, each)


def _attribute(name: str) -> str:
    # SVG's viewBox and the like have no underscore; HTML's and CSS' have a hyphen for it.
    return name.rstrip("_").replace("_", "-")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"
