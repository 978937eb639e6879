"""Standing in for a layer's `call` for a while, and watching what it gives.

The one place that puts anything over a method of a layer. Of either Keras
version, in graph and eager mode alike: a layer looks its `call` up at every call.
What is put there counts only in the thread that put it, so a model can serve in
one thread while it is measured in another, and replicas do not see each other.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

_lock = threading.Lock()
_MISSING = object()


@contextlib.contextmanager
def replaced(layer, call: Callable[..., Any]) -> Iterator[None]:
    """Inside, the layer computes by `call`; of several the one entered last counts.

    Args:
        layer: of Keras 3 or tf_keras.
        call: takes what the layer's own `call` takes.
    """
    with _put(layer, "bodies", call):
        yield


@contextlib.contextmanager
def watched(layer, report: Callable[[Any], None]) -> Iterator[None]:
    """Inside, `report` is given the outputs of every call, by whatever they are computed.

    Args:
        layer: of Keras 3 or tf_keras.
        report: called with the outputs, while a graph is traced too.
    """
    with _put(layer, "reports", report):
        yield


@dataclasses.dataclass
class _InThread:
    """What counts in one thread, in the order in which it was put there."""

    bodies: list[Callable] = dataclasses.field(default_factory=list)
    reports: list[Callable] = dataclasses.field(default_factory=list)


class _Watched:
    """What a layer has for its `call` as long as anything is put over it.

    Contexts may end in any order: each takes away what it put there itself, and
    with the last the layer has again what it had before the first.
    """

    def __init__(self, layer):
        self._before = vars(layer).get("call", _MISSING)
        self._own = layer.call
        self._threads: dict[int, _InThread] = {}

    def __call__(self, *args, **kwargs):
        here = self._threads.get(threading.get_ident(), _InThread())
        body = here.bodies[-1] if here.bodies else self._own
        outputs = body(*args, **kwargs)
        for report in list(here.reports):
            report(outputs)
        return outputs

    def put(self, thread: int, kind: str, function: Callable) -> None:
        getattr(self._threads.setdefault(thread, _InThread()), kind).append(function)

    def take_away(self, layer, thread: int, kind: str, function: Callable) -> None:
        here = self._threads[thread]
        getattr(here, kind).remove(function)
        if not here.bodies and not here.reports:
            del self._threads[thread]
        if self._threads:
            return
        # Past __setattr__, through which Keras would track and lock.
        if self._before is _MISSING:
            del vars(layer)["call"]
        else:
            vars(layer)["call"] = self._before


@contextlib.contextmanager
def _put(layer, kind: str, function: Callable) -> Iterator[None]:
    thread = threading.get_ident()
    with _lock:
        over = vars(layer).get("call")
        if not isinstance(over, _Watched):
            over = vars(layer)["call"] = _Watched(layer)
        over.put(thread, kind, function)
    try:
        yield
    finally:
        with _lock:
            over.take_away(layer, thread, kind, function)
