"""Shows the examples of docstrings as code: an extension of griffe, which reads them."""

import re
import textwrap

import griffe

_EXAMPLE = re.compile(r"^Examples?:\n\n((?:(?:>>>|\.\.\.)[^\n]*\n(?:(?!\n)[^\n]*\n?)*\n?)+)", re.M)


class Doctests(griffe.Extension):
    """Indents what follows ``Example:``, as the style of the other sections wants it."""

    def on_instance(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_section, f"{obj.docstring.value}\n").strip()


def _section(example: re.Match[str]) -> str:
    return f"Examples:\n{textwrap.indent(example[1], '    ')}"
