"""The kill switch by way of the journal alone: what ``twsloop kill`` does, with no program's help.

Programs that run read it there (``[kill_switch] poll``) and do what their own settings allow; one
that is started later finds it engaged.
"""

from __future__ import annotations

import attrs

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config
from twsloop.errors import RiskError, StorageError
from twsloop.events import KillSwitchActed, KillSwitchChanged
from twsloop.risk.kill import KillSwitch
from twsloop.storage.latches import KILL_SWITCH, decided, write_down

__all__ = ["Standing", "engage", "look", "release"]


@attrs.frozen(kw_only=True)
class Standing:
    """How it stands.

    Attributes:
        engaged: New orders are refused.
        newest: What made it so; None if nobody ever touched it.
        acted: What programs have done about it since, the oldest first.
        changed: Whether the call that gave this turned it.
    """

    engaged: bool
    newest: KillSwitchChanged | None
    acted: tuple[KillSwitchActed, ...] = ()
    changed: bool = False


def look(config: Config) -> Standing:
    """How it stands.

    Raises:
        StorageError: The journal cannot be read, or is not written.
    """
    _must_be_written(config)
    return _standing(*_read(config))


def engage(config: Config, reason: str, clock: Clock | None = None) -> Standing:
    """Engage it; a journal is made if there is none.

    Args:
        config: The settings; what is done is by those of each program.
        reason: Why.
        clock: Where the time comes from.

    Raises:
        StorageError: The journal cannot be read or written.
    """
    _must_be_written(config)
    switch, acted = _read(config) if config.journal.file.exists() else (_switch(config), ())
    fact = switch.engage("cli", reason, (clock or SystemClock()).now())
    if fact is None:
        return _standing(switch, acted)
    write_down(config.journal, [fact])
    return attrs.evolve(_standing(switch, ()), changed=True)


def release(config: Config, reason: str, clock: Clock | None = None) -> Standing:
    """Release it.

    Args:
        config: The settings.
        reason: Why.
        clock: Where the time comes from.

    Raises:
        RiskError: There is no reason, or the file that engages it is there.
        StorageError: The journal cannot be read or written.
    """
    _must_be_written(config)
    file = config.kill_switch.file
    if file is not None and file.exists():
        msg = f"the kill switch cannot be released while {file} exists: remove it first"
        raise RiskError(msg)
    switch, acted = _read(config)
    fact = switch.release(reason, (clock or SystemClock()).now(), by="cli")
    if fact is None:
        return _standing(switch, acted)
    write_down(config.journal, [fact])
    return attrs.evolve(_standing(switch, ()), changed=True)


def _must_be_written(config: Config) -> None:
    if config.journal.enabled is False:
        raise StorageError(
            "the order journal is switched off, and programs hear of the kill switch by it",
            path=str(config.journal.file),
            remedy="set [journal] enabled, or engage it by [kill_switch] file",
        )


def _switch(config: Config) -> KillSwitch:
    return KillSwitch(config.kill_switch)


def _read(config: Config) -> tuple[KillSwitch, tuple[KillSwitchActed, ...]]:
    switch, acted = _switch(config), list[KillSwitchActed]()
    for fact in decided(config.journal.file, kinds=KILL_SWITCH).facts:
        switch.restore([fact])
        if isinstance(fact, KillSwitchActed):
            acted.append(fact)
        else:
            acted.clear()
    return switch, tuple(acted)


def _standing(switch: KillSwitch, acted: tuple[KillSwitchActed, ...]) -> Standing:
    return Standing(engaged=switch.engaged, newest=switch.newest, acted=acted)
