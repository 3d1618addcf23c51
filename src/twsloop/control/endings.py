"""What an exit status of IBC, its script or a bare gateway means, and what to do then (pure).

IBC ends with numbers from 1100 on, of which POSIX keeps the lowest eight bits: 1111 becomes 87. Its
script for Linux and macOS has numbers of its own from 1 to 8, that for Windows from 1001 to 1008.
(Sources: IBC's ErrorCodes, ibcstart.sh and StartIBC.bat.)
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import attrs

__all__ = ["LOGIN_DIALOG", "SECOND_FACTOR", "Ending", "endings_known", "explain"]

#: IBC's status when nobody completed the second factor in time.
SECOND_FACTOR = 1111
#: IBC's status when no login dialog came up in time.
LOGIN_DIALOG = 1112


@attrs.frozen(kw_only=True)
class Ending:
    """How a gateway's process ended.

    Attributes:
        status: The exit status, as the system told it; negative for a signal, as Python has it;
            None where nobody heard it.
        meaning: What it means.
        remedy: What to do; empty where nothing has to be done.
        expected: Whether it is an ordered end.
        needs_person: Whether somebody has to do something before another start is of use.
    """

    status: int | None
    meaning: str
    remedy: str = ""
    expected: bool = False
    needs_person: bool = False

    @property
    def words(self) -> str:
        """What happened, without the remedy."""
        return self.meaning if self.status is None else f"exit status {self.status}: {self.meaning}"

    def __str__(self) -> str:
        """For people."""
        return f"{self.words}; {self.remedy}" if self.remedy else self.words


_SCRIPT: dict[int, tuple[str, str]] = {
    1: ("IBC found no java", "install IB's offline version whole, or set [control] java_path"),
    2: ("IBC was not told the version of the program", "set [control] version"),
    3: ("IBC's script does not know an argument", "update IBC"),
    4: (
        "the program is not installed where IBC looks for it",
        "install IB's offline version (not the one that updates itself), or set [control] version",
    ),
    5: ("a folder of IBC or of the settings is missing", "set [control] ibc_path or settings_path"),
    6: ("IBC's config.ini is missing", "set [control] ibc_ini"),
    7: ("the program has no vmoptions file", "install IB's offline version anew"),
    8: ("IBC does not know this system, or misses a folder", "set [control] settings_path"),
}

_IBC: dict[int, tuple[str, str]] = {
    1100: ("IBC met an error that it did not expect", "read the log: the error is at its end"),
    1101: (
        "IBC did not find a control in a dialog",
        "use a version of IBC that knows this version of the program",
    ),
    1102: ("IBC was given the wrong number of arguments", "update IBC"),
    1103: ("IBC's config.ini does not exist", "set [control] ibc_ini"),
    1104: ("IBC does not know the trading mode", "set TradingMode to live or paper"),
    1105: ("a setting of IBC has a wrong value", "read the log: it names the setting"),
    1106: ("IBC cannot make the folder of the settings", "look at its permissions"),
    1107: (
        "IBC did not find where the program begins",
        "use a version of IBC that knows this version of the program",
    ),
    1108: ("the path of jts.ini is wrong", "set [control] settings_path"),
    1109: ("jts.ini cannot be read or written", "look at its permissions"),
    1110: ("IBC was in a state that should not be", "read the log, and start it again"),
    SECOND_FACTOR: (
        "the second factor was not completed in time",
        "start it again, and answer the question on your phone or device",
    ),
    LOGIN_DIALOG: (
        "the login dialog did not come up in time",
        "look at the display and the memory of the machine, or raise LoginDialogDisplayTimeout",
    ),
}

#: What somebody has to mend, or to do, before another start is of any use.
_NEEDS_PERSON = frozenset({1102, 1103, 1104, 1105, 1106, 1107, 1108, 1109, SECOND_FACTOR})

#: On POSIX only the lowest eight bits of a status arrive.
_BITS = 256
#: The status of IBC's script on Windows is its number on POSIX and this.
_WINDOWS_SCRIPT = 1000


def endings_known() -> Iterator[tuple[int, int, str, str]]:
    """IBC's own status, what POSIX shows of it, the meaning and the remedy; for the docs."""
    for code, (meaning, remedy) in (_SCRIPT | _IBC).items():
        yield code, code % _BITS, meaning, remedy


def explain(status: int, *, through_ibc: bool = True) -> Ending:
    """What an exit status means.

    Args:
        status: As `subprocess` gives it: negative for a signal.
        through_ibc: Whether IBC's script was the process.
    """
    number = -status if status < 0 else status - 128 if 128 < status < 160 else 0
    if number:
        return _by_signal(status, number)
    if status == 0:
        return Ending(status=0, meaning="it was closed", expected=True)
    if through_ibc:
        known = {code % _BITS: code for code in _IBC} | {code: code for code in _IBC}
        if status in known:
            code = known[status]
            meaning, remedy = _IBC[code]
            return Ending(
                status=status,
                meaning=f"{meaning} (IBC's {code})",
                remedy=remedy,
                needs_person=code in _NEEDS_PERSON,
            )
        script = _SCRIPT.get(status) or _SCRIPT.get(status - _WINDOWS_SCRIPT)
        if script is not None:
            meaning, remedy = script
            return Ending(status=status, meaning=meaning, remedy=remedy, needs_person=True)
    return Ending(status=status, meaning="it failed", remedy="read its log")


def _by_signal(status: int, number: int) -> Ending:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    ordered = name in {"SIGTERM", "SIGINT", "SIGHUP"}
    return Ending(
        status=status,
        meaning=f"it was ended by {name}",
        remedy="" if ordered else "a machine that is short of memory does so; look at its log",
        expected=ordered,
    )
