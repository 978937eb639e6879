"""The outputs of models that have several: tensors in dicts, lists and tuples."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any


def by_place(outputs) -> dict[str, Any]:
    """The leaves of a structure by their place in it.

    Example:

    >>> by_place({"box": 1, "classes": [2, 3]})
    {"['box']": 1, "['classes'][0]": 2, "['classes'][1]": 3}
    >>> by_place(4)
    {'': 4}
    """
    parts: Iterable[tuple[Any, Any]]
    if isinstance(outputs, Mapping):
        parts = outputs.items()
    elif isinstance(outputs, list | tuple):
        parts = enumerate(outputs)
    else:
        return {"": outputs}
    return {
        f"[{key!r}]{place}": leaf for key, part in parts for place, leaf in by_place(part).items()
    }


def shapes_by_place(shape) -> dict[str, tuple]:
    """The shapes of a model's outputs by their place, as `by_place` calls it."""
    if isinstance(shape, dict):
        return {
            f"[{key!r}]{inner}": leaf
            for key, value in shape.items()
            for inner, leaf in shapes_by_place(value).items()
        }
    if isinstance(shape, list) or (shape and isinstance(shape[0], tuple | list | dict)):
        return shapes_by_place(dict(enumerate(shape)))
    return {"": tuple(shape)}


def describe(outputs) -> str:
    """The places and shapes of outputs, to be read in an error."""
    return ", ".join(
        f"{place} {tuple(getattr(output, 'shape', ()))}".strip()
        for place, output in by_place(outputs).items()
    )


def check_same_places(teacher_outputs, student_outputs) -> None:
    """Raises ValueError when the structures differ."""
    if by_place(teacher_outputs).keys() != by_place(student_outputs).keys():
        raise ValueError(
            "teacher and student must have the same outputs; the teacher gives "
            f"{describe(teacher_outputs)}, the student {describe(student_outputs)}"
        )


def select(outputs, output: str | int | None):
    """The output of that key in a dict or index in a list; all of them for None.

    Raises:
        ValueError: when there is none.
    """
    if output is None:
        return outputs
    if isinstance(outputs, Mapping) and output in outputs:
        return outputs[output]
    indexed = isinstance(outputs, list | tuple)
    if indexed and isinstance(output, int) and -len(outputs) <= output < len(outputs):
        return outputs[output]
    by_index = "; in a list they are chosen by index" if indexed and isinstance(output, str) else ""
    raise ValueError(f"there is no output {output!r} among {describe(outputs)}{by_index}")


def places_of(output: str | int | None, places: Collection[str]) -> dict[str, str]:
    """The places of a selected output among all -> the same in that output alone.

    Args:
        output: as in `select`.
        places: those of all outputs.

    Example:

    >>> places_of("box", ["['box'][0]", "['box'][1]", "['classes']"])
    {"['box'][0]": '[0]', "['box'][1]": '[1]'}
    """
    if output is None:
        return {place: place for place in places}
    if isinstance(output, int) and output < 0:
        output += len({place.partition("]")[0] for place in places})
    start = f"[{output!r}]"
    return {place: place.removeprefix(start) for place in places if place.startswith(start)}


def option_by_place(what: str, option, output: str | int | None, places: Collection[str]):
    """What a loss is given once for all outputs, or in their structure, by place.

    Args:
        what: the option's name, for errors.
        option: None, an array for all outputs, or a structure of them.
        output: the selected output, as in `select`.
        places: the places of the selected outputs.

    Raises:
        ValueError: when the option has another structure than the outputs.
    """
    options = by_place(option)
    if options.keys() == {""}:
        return dict.fromkeys(places, option)
    options = by_place(select(option, output))
    if options.keys() != set(places):
        raise ValueError(
            f"{what} must be one array, or one for each output; got {', '.join(options)} for "
            f"the outputs {', '.join(places)}"
        )
    return options
