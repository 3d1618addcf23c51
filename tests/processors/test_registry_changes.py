"""Only what changed is built anew: the fan-out is at any time what a whole new one would be."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from twsloop.processors import Registry

#: Callbacks of the kinds that are built differently, each with arguments.
HEARD: dict[str, tuple[Any, ...]] = {
    "tickPrice": (1, 4, 10.0, None),
    "positionEnd": (),
    "error": (-1, 0, 504, "text", ""),
    "managedAccounts": ("DU1",),
}


class Prices:
    """Hears one callback."""

    def __init__(self, name: str, heard: list[tuple[str, str]]) -> None:
        self.name = name
        self.heard = heard

    def tickPrice(self, *_args: object) -> None:
        self.heard.append((self.name, "tickPrice"))


class Most(Prices):
    """Hears that one, and two more."""

    def positionEnd(self) -> None:
        self.heard.append((self.name, "positionEnd"))

    def error(self, *_args: object) -> None:
        self.heard.append((self.name, "error"))


class Other:
    """Hears nothing of what the others do, but one."""

    def __init__(self, name: str, heard: list[tuple[str, str]]) -> None:
        self.name = name
        self.heard = heard

    def managedAccounts(self, *_args: object) -> None:
        self.heard.append((self.name, "managedAccounts"))

    def error(self, *_args: object) -> None:
        self.heard.append((self.name, "error"))


names = st.none() | st.lists(st.sampled_from(sorted(HEARD)), unique=True)
who = st.integers(0, 3)
steps = st.lists(
    st.tuples(st.sampled_from(["add_slice", "remove_slice"]), who, names)
    | st.tuples(st.sampled_from(["add", "remove"]), who)
    | st.tuples(st.just("set_app"), who | st.none())
    | st.tuples(st.just("intercept"), st.sampled_from(sorted(HEARD))),
    max_size=12,
)


def answers(registry: Registry, heard: list[tuple[str, str]]) -> list[object]:
    """Who hears what, and what is said to be heard."""
    heard.clear()
    for name, args in HEARD.items():
        getattr(registry.fanout, name)(*args)
    return [*heard, *(registry.hears((name,)) for name in HEARD)]


@given(steps)
def test_after_any_change_it_is_what_a_whole_new_one_would_be(todo: list[tuple[Any, ...]]) -> None:
    heard: list[tuple[str, str]] = []
    registry = Registry(lambda _name, error: heard.append(("raised", repr(error))))
    ears: list[Any] = [Prices("prices", heard), Most("most", heard), Other("other", heard)]
    ears.append(Most("second", heard))
    for step, *args in todo:
        if step == "intercept":

            def entry(*_args: object, name: str = args[0]) -> None:
                heard.append(("entry", name))

            registry.intercept(args[0], entry)
        elif args[0] is None:
            registry.set_app(None)
        else:
            getattr(registry, step)(ears[args[0]], *args[1:])
        changed = answers(registry, heard)
        registry.rebuild()
        assert changed == answers(registry, heard)
