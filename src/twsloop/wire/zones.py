"""The names of time zones that a gateway writes, and what they mean.

An instrument's zone is a name of the tz database (``US/Eastern``), or one of IB's older short names
(``EST`` for New York, ``IST`` for Mumbai). An operator's zone is what the gateway's machine calls
it: a display name of Java or of Windows (``British Summer Time``, ``Romance Standard Time``), or an
abbreviation (``JST``, ``SGT``).

A name with "Standard" in it means the place, summer included: such names have been seen in July,
for Chicago. A name that means different times on different systems (``Arabian Standard Time``:
UTC+3 or UTC+4) means none here, and neither do those that a machine wrote in its own language.
"""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo

__all__ = ["find_zone"]

#: Zone of the tz database = the other names of it. They come before the tz database's own: ``EST``
#: and ``MST`` have no summer time there, but IB writes them for New York and Denver.
_NAMES = """
Etc/UTC = Z; UTC; GMT; Greenwich Mean Time; Coordinated Universal Time; UT; Etc/UTC
Europe/London = BST; British Summer Time; GMT Standard Time; British Standard Time
Europe/Dublin = Irish Standard Time
Europe/Lisbon = WEST; Western European Time; Western European Standard Time; \
Western European Summer Time
Europe/Berlin = CEST; MEZ; MESZ; Central European Time; Central European Standard Time; \
Central European Summer Time; W. Europe Standard Time; W. Europe Daylight Time; \
Middle Europe Time; Middle Europe Summer Time
Europe/Paris = Romance Standard Time; Romance Daylight Time
Europe/Budapest = Central Europe Standard Time; Central Europe Daylight Time
Europe/Athens = EEST; Eastern European Time; Eastern European Standard Time; \
Eastern European Summer Time; GTB Standard Time; GTB Daylight Time
Europe/Helsinki = FLE Standard Time; FLE Daylight Time
Europe/Chisinau = E. Europe Standard Time; E. Europe Daylight Time
Europe/Istanbul = TRT; Turkey Standard Time; Turkey Time
Europe/Moscow = MSK; Moscow Standard Time; Russian Standard Time
Asia/Jerusalem = IDT; Israel Standard Time; Israel Daylight Time
Africa/Johannesburg = SAST; South Africa Standard Time
Africa/Cairo = Egypt Standard Time
Africa/Lagos = West Africa Standard Time; W. Central Africa Standard Time
Africa/Nairobi = East Africa Time; E. Africa Standard Time
Asia/Dubai = GST; Gulf Standard Time
Asia/Karachi = PKT; Pakistan Standard Time
Asia/Kolkata = IST; India Standard Time
Asia/Bangkok = ICT; Indochina Time; SE Asia Standard Time
Asia/Jakarta = WIB; Western Indonesia Time; West Indonesia Time
Asia/Singapore = SGT; Singapore Standard Time; Singapore Time
Asia/Kuala_Lumpur = MYT; Malaysia Time
Asia/Manila = Philippine Standard Time; Philippine Time; Philippines Time
Asia/Hong_Kong = HKT; Hong Kong Time; Hong Kong Standard Time
Asia/Taipei = Taipei Standard Time
Asia/Shanghai = CTT; China Standard Time
Asia/Seoul = KST; Korea Standard Time; Korean Standard Time
Asia/Tokyo = JST; Japan Standard Time; Japan Time; Tokyo Standard Time
Australia/Perth = AWST; Australian Western Standard Time; W. Australia Standard Time
Australia/Darwin = AUS Central Standard Time
Australia/Brisbane = E. Australia Standard Time
Australia/Adelaide = ACDT; Cen. Australia Standard Time; Australian Central Daylight Time
Australia/Sydney = AEDT; AUS Eastern Standard Time; AUS Eastern Daylight Time; \
Australian Eastern Daylight Time
Pacific/Auckland = NZST; NZDT; New Zealand Standard Time; New Zealand Daylight Time
Pacific/Honolulu = HST; Hawaii Standard Time; Hawaiian Standard Time; \
Hawaii-Aleutian Standard Time
America/Anchorage = AKST; AKDT; Alaska Standard Time; Alaska Daylight Time; \
Alaskan Standard Time; Alaskan Daylight Time
America/Los_Angeles = PST; PDT; Pacific Standard Time; Pacific Daylight Time
America/Phoenix = US Mountain Standard Time
America/Denver = MST; MDT; Mountain Standard Time; Mountain Daylight Time
America/Chicago = CST; CDT; Central Standard Time; Central Daylight Time
America/New_York = EST; EDT; Eastern Standard Time; Eastern Daylight Time; \
US Eastern Standard Time; US Eastern Daylight Time
America/Halifax = ADT; Atlantic Standard Time; Atlantic Daylight Time
America/St_Johns = Newfoundland Standard Time; Newfoundland Daylight Time
America/Regina = Canada Central Standard Time
America/Mexico_City = Central Standard Time (Mexico)
America/Bogota = Colombia Standard Time; Colombia Time; SA Pacific Standard Time
America/Lima = Peru Standard Time; Peru Time
America/Santiago = Chile Standard Time; Chile Summer Time; Chile Time
America/Argentina/Buenos_Aires = ART; Argentina Standard Time; Argentine Time; Argentina Time
America/Sao_Paulo = BRT; Brasilia Standard Time; Brasilia Time; \
E. South America Standard Time
"""


def _read_names() -> dict[str, str]:
    """Each name in small letters, and its zone; a name that stands twice refuses to import."""
    table: dict[str, str] = {}
    for line in _NAMES.strip().splitlines():
        zone, _, names = line.partition(" = ")
        for name in names.split("; "):
            if table.setdefault(name.strip().casefold(), zone) != zone:
                msg = f"{name} means {zone} and {table[name.casefold()]}"
                raise ValueError(msg)
    return table


_ZONES = _read_names()


@functools.lru_cache(maxsize=256)
def find_zone(name: str) -> ZoneInfo | None:
    """The time zone that a gateway calls by this name; None for a name that means none.

    Capitals and the number of blanks do not matter in what is no name of the tz database.
    """
    words = " ".join(name.split())
    found = _ZONES.get(words.casefold(), words)
    if not found.isprintable() or found.startswith(("/", ".")):
        return None
    try:
        return ZoneInfo(found)
    # An unknown name, a folder of the database, no name of a file, more than one can be.
    except (KeyError, OSError, ValueError):
        return None
