"""Events as objects, their names, and handlers that may fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import _native
from ._errors import error_for
from ._generated import EVENT_CLASSES, Code, Event

_FIELDS = {
    name: frozenset(kind.__dataclass_fields__) for name, kind in EVENT_CLASSES.items()
}
_RENAMED = {"from": "from_", "type": "type_"}


def make_event(name: str, fields: dict[str, Any], stream: Any = None) -> Event:
    """The event. A field that the engine did not send is None; one that this version does not know is left out."""
    known = _FIELDS.get(name)
    kind = EVENT_CLASSES.get(name, Event)
    own = {}
    for key, value in fields.items():
        key = _RENAMED.get(key, key)
        if known is None or key in known:
            own[key] = value
    if name == "callStream":
        own["stream"] = stream
    try:
        return kind(**own)
    except TypeError:
        return kind(**{key: None for key in known or ()} | own)


def check_names(names: Iterable[str]) -> frozenset[str]:
    """The names, each of which must be one of the vendor's."""
    out = frozenset(names)
    for name in out:
        if name not in EVENT_CLASSES:
            raise error_for(Code.INVALID_ARGUMENT, f"{name!r}: there is no such event; there are {', '.join(EVENT_CLASSES)}")
    return out


def report(error: BaseException, what: Any) -> None:
    """Tells ``sys.unraisablehook`` of a handler that failed. Never raises."""
    _native.report(error, what)


class Handlers:
    """Handlers by the names of events. Changes while handlers run take effect at the next event."""

    def __init__(self) -> None:
        self._by_name: dict[str, tuple[Callable[..., Any], ...]] = {}
        self._once: set[tuple[str, Callable[..., Any]]] = set()

    def add(self, name: str, handler: Callable[..., Any], once: bool = False) -> None:
        check_names([name])
        if not callable(handler):
            raise error_for(Code.INVALID_ARGUMENT, f"handler: {type(handler).__name__} given; it wants a function of one event")
        if once:
            self._once.add((name, handler))
        self._by_name[name] = (*self._by_name.get(name, ()), handler)

    def remove(self, name: str, handler: Callable[..., Any] | None) -> None:
        check_names([name])
        left = () if handler is None else tuple(h for h in self._by_name.get(name, ()) if h != handler)
        self._by_name[name] = left
        self._once = {(n, h) for n, h in self._once if n != name or h in left}

    def take(self, name: str) -> tuple[Callable[..., Any], ...]:
        """The handlers to call now; those for once are taken away."""
        handlers = self._by_name.get(name, ())
        if handlers and self._once:
            for handler in handlers:
                if (name, handler) in self._once:
                    self.remove(name, handler)
        return handlers
