"""Config.load: which value wins, and the one error that says where a wrong one stands.

Who comes first in this list wins: ``overrides`` (code), ``command_line``, the environment
(``TWSLOOP_SECTION_KEY``), the ``.env`` file that was named, the INI file, the default. Nothing is
searched for: a file is read only when it was named.
"""

from __future__ import annotations

import configparser
import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from twsloop.errors import ConfigError

from . import sections
from .options import Option, Section, options_of, parse_text, refusal_of

__all__ = ["ENVIRONMENT_PREFIX", "SECTIONS", "Config", "Survey", "survey"]

#: What the names of our environment variables begin with.
ENVIRONMENT_PREFIX = "TWSLOOP_"
#: What is no setting of a program: `twsloop.wire` reads it when it is imported.
NO_SETTINGS = frozenset({"TWSLOOP_WIRE"})

#: What `ConfigError.file` says of values that stand in no file.
CODE = "code"
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"


@attrs.frozen(kw_only=True)
class Config:
    """All settings of a program; `Config()` is all defaults, `Config.load` reads what was given."""

    connection: sections.ConnectionParams = attrs.Factory(sections.ConnectionParams)
    session: sections.SessionParams = attrs.Factory(sections.SessionParams)
    loop: sections.LoopParams = attrs.Factory(sections.LoopParams)
    reconnect: sections.ReconnectParams = attrs.Factory(sections.ReconnectParams)
    heartbeat: sections.HeartbeatParams = attrs.Factory(sections.HeartbeatParams)
    errors: sections.ErrorParams = attrs.Factory(sections.ErrorParams)
    calendar: sections.CalendarParams = attrs.Factory(sections.CalendarParams)
    pacing: sections.PacingParams = attrs.Factory(sections.PacingParams)
    contracts: sections.ContractParams = attrs.Factory(sections.ContractParams)
    market_data: sections.MarketDataParams = attrs.Factory(sections.MarketDataParams)
    history: sections.HistoryParams = attrs.Factory(sections.HistoryParams)
    orders: sections.OrderParams = attrs.Factory(sections.OrderParams)
    live: sections.LiveParams = attrs.Factory(sections.LiveParams)
    risk: sections.RiskParams = attrs.Factory(sections.RiskParams)
    kill_switch: sections.KillSwitchParams = attrs.Factory(sections.KillSwitchParams)
    journal: sections.JournalParams = attrs.Factory(sections.JournalParams)
    reconcile: sections.ReconcileParams = attrs.Factory(sections.ReconcileParams)
    end_of_day: sections.EndOfDayParams = attrs.Factory(sections.EndOfDayParams)
    control: sections.ControlParams = attrs.Factory(sections.ControlParams)
    logging: sections.LogSettings = attrs.Factory(sections.LogSettings)
    storage: sections.StorageParams = attrs.Factory(sections.StorageParams)
    paper: sections.PaperParams = attrs.Factory(sections.PaperParams)

    @property
    def orders_enabled(self) -> bool:
        """Whether orders are sent: as configured; if nothing is, in paper mode only."""
        if self.orders.enabled is None:
            return self.connection.mode == "paper"
        return self.orders.enabled

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        env_file: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
        command_line: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> Config:
        """Read the settings.

        Args:
            path: An INI file as ``config.ini.example`` shows it; None reads none.
            env_file: A file of ``TWSLOOP_SECTION_KEY=value`` lines; other names in it are left
                alone. None reads none.
            environ: The environment; the process's own unless given.
            command_line: ``{"section.key": text or value}`` from a command line.
            overrides: ``{"section.key": value}`` from code.
            defaults: ``{"section.key": value}`` that a program has in place of our own defaults.

        Raises:
            ConfigError: A file that cannot be read, or an unknown section or key, or a value of a
                wrong type or range; it names the file, section, key, value and what is allowed.
        """
        values = _gathered(
            _raised,
            path=path,
            env_file=env_file,
            environ=environ,
            command_line=command_line,
            overrides=overrides,
            defaults=defaults,
        )
        return _made(values, _raised)


@attrs.frozen
class Survey:
    """All that was given, wrong or right: for whoever looks at settings, and uses none of them.

    Attributes:
        config: The settings, without those that are wrong.
        sources: Where each setting that was given stands, by section and key.
        named: The texts of those that no list of keys has ([errors] has IB's codes for keys).
        problems: All that is wrong with what was given, in the order in which it was read.
    """

    config: Config
    sources: Mapping[tuple[str, str], str]
    named: Mapping[tuple[str, str], str]
    problems: tuple[ConfigError, ...]


def survey(
    path: str | Path | None = None,
    *,
    env_file: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Any] | None = None,
) -> Survey:
    """Look at settings as `Config.load` reads them, and go on where that stops.

    Args:
        path: As for `Config.load`, as the others.
        env_file: A file of ``TWSLOOP_SECTION_KEY=value`` lines.
        environ: The environment.
        command_line: From a command line.
    """
    problems: list[ConfigError] = []
    values = _gathered(
        problems.append, path=path, env_file=env_file, environ=environ, command_line=command_line
    )
    config = _made(values, problems.append)
    sources = {name: source for name, (source, _) in values.items()}
    named = {
        (section, key): str(raw)
        for (section, key), (_, raw) in values.items()
        if key not in options_of(SECTIONS[section])
    }
    return Survey(config, sources, named, tuple(problems))


#: What was given, by section and key: its source, and the value as it was given.
Values = dict[tuple[str, str], tuple[str, Any]]
#: What is done about a setting that is wrong.
Refuse = Callable[[ConfigError], object]


def _raised(error: ConfigError) -> None:
    raise error


def _gathered(
    refuse: Refuse,
    *,
    path: str | Path | None,
    env_file: str | Path | None,
    environ: Mapping[str, str] | None,
    command_line: Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Values:
    """What was given, each with its source; of two the one that wins."""
    values: Values = _from_code(defaults or {}, CODE, refuse)
    if path is not None:
        values.update(_from_ini(Path(path), refuse))
    if env_file is not None:
        values.update(_from_env_file(Path(env_file), refuse))
    values.update(_from_environment(os.environ if environ is None else environ, refuse))
    values.update(_from_code(command_line or {}, COMMAND_LINE, refuse))
    values.update(_from_code(overrides or {}, CODE, refuse))
    return values


def _made(values: Values, refuse: Refuse) -> Config:
    """The settings of what was given; what is wrong, and refused, has its default."""
    arguments: dict[str, dict[str, Any]] = {}
    for (section, key), (source, raw) in values.items():
        chosen = SECTIONS[section].option_for(key)
        assert chosen is not None, (section, key)  # _is_known has seen it
        try:
            if isinstance(raw, str):
                value = parse_text(chosen, raw, file=source, section=section, key=key)
            else:
                value = _checked(chosen, raw, source, section, key)
        except ConfigError as error:
            refuse(error)
            continue
        arguments.setdefault(section, {})[key] = value
    made: dict[str, Any] = {}
    for section, fields in arguments.items():
        try:
            made[section] = SECTIONS[section].from_values(fields)
        except ConfigError as error:  # two values of a section that contradict each other
            error.file = values.get((section, error.key or ""), (error.file,))[0]
            refuse(error)
    return Config(**made)


#: The sections by name, in their order.
SECTIONS: Mapping[str, type[Section]] = {
    field.name: field.default.factory  # type: ignore[union-attr]
    for field in attrs.fields(Config)
}


def _checked(chosen: Option, value: Any, source: str, section: str, key: str) -> Any:
    """A value that came as an object, with its source in the error."""
    try:
        return chosen.check(value)
    except ValueError as why:
        raise refusal_of(chosen, why, file=source, section=section, key=key, value=value) from None


def _suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, where something is close."""
    names = list(known)
    close = [name for name in names if len(word) > 2 and name.startswith(word)][:1]
    close = close or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _broken(error: configparser.Error) -> str:
    """What is wrong with a file, without its text."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno} stands before the first [section]"
    if isinstance(error, configparser.ParsingError):
        lines = ", ".join(str(number) for number, _ in error.errors)
        return f"line {lines}: neither [section] nor key = value"
    return " ".join(str(error).split())


def _is_known(section: str, key: str, source: str, refuse: Refuse) -> bool:
    """Refuse a section or a key that does not exist; the value may be a password: none is told."""
    if section not in SECTIONS:
        refuse(
            ConfigError(
                f"there is no such section{_suggest(section, SECTIONS)}",
                file=source,
                section=section,
                key=key or None,
                allowed=", ".join(SECTIONS),
            )
        )
        return False
    if key and SECTIONS[section].option_for(key) is None:
        refuse(
            ConfigError(
                f"there is no such key{_suggest(key, options_of(SECTIONS[section]))}",
                file=source,
                section=section,
                key=key,
                allowed=SECTIONS[section].keys_in_words(),
            )
        )
        return False
    return True


def _read(path: Path, what: str) -> str:
    """A file's text, or the error that says why not."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        msg = f"the {what} cannot be read: {error.strerror or error}"
        raise ConfigError(msg, file=str(path)) from error
    except UnicodeDecodeError as error:
        msg = f"the {what} is not UTF-8 text: {error}"
        raise ConfigError(msg, file=str(path)) from error


def _from_ini(path: Path, refuse: Refuse) -> Values:
    """The values of an INI file."""
    # No interpolation (a % is a %), and no section whose values leak into all others.
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    found: Values = {}
    broken: ConfigError | None = None
    try:
        parser.read_string(_read(path, "configuration file"), source=str(path))
    except ConfigError as error:
        broken = error
    except configparser.Error as error:
        broken = ConfigError(f"not an INI file: {_broken(error)}", file=str(path))
    if broken is not None:
        # Not from where it was caught: the original quotes the line, in which a password may stand.
        refuse(broken)
        return found
    for section in parser.sections():
        if not _is_known(section, "", str(path), refuse):
            continue
        for key, text in parser.items(section):
            if _is_known(section, key, str(path), refuse):
                found[section, key] = (str(path), text)
    return found


def _from_environment(
    environ: Mapping[str, str], refuse: Refuse, source: str = ENVIRONMENT
) -> Values:
    """The values of the variables that begin with TWSLOOP_."""
    found: Values = {}
    for name, text in environ.items():
        if not name.upper().startswith(ENVIRONMENT_PREFIX):
            continue
        if source == ENVIRONMENT and name in NO_SETTINGS:
            continue
        rest = name[len(ENVIRONMENT_PREFIX) :].lower()
        section = next((s for s in SECTIONS if rest.startswith(f"{s}_")), None)
        key = rest[len(section) + 1 :] if section else ""
        if section is None or SECTIONS[section].option_for(key) is None:
            refuse(_unknown_variable(name, section, source))
        else:
            found[section, key] = (f"{source} {name}", text)
    return found


def _unknown_variable(name: str, section: str | None, source: str) -> ConfigError:
    known = [
        f"{ENVIRONMENT_PREFIX}{s}_{k}".upper()
        for s, kind in SECTIONS.items()
        for k in options_of(kind)
    ]
    return ConfigError(
        f"there is no such setting{_suggest(name.upper(), known)}",
        file=source,
        section=section,
        key=name,
        allowed=f"{ENVIRONMENT_PREFIX}SECTION_KEY as in config.ini.example",
    )


def _from_env_file(path: Path, refuse: Refuse) -> Values:
    """The TWSLOOP_ lines of a ``.env`` file; what belongs to other programs is left alone."""
    variables: dict[str, str] = {}
    try:
        lines = _read(path, "environment file").splitlines()
    except ConfigError as error:
        refuse(error)
        return {}
    for number, line in enumerate(lines, start=1):
        stripped = line.strip().removeprefix("export ").lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, text = stripped.partition("=")
        if not equals:
            refuse(ConfigError(f"line {number} is not NAME=value", file=str(path)))
            continue
        text = text.strip()
        if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        else:
            text = text.partition(" #")[0].rstrip()
        variables[name.strip()] = text
    return _from_environment(variables, refuse, str(path))


def _from_code(given: Mapping[str, Any], source: str, refuse: Refuse) -> Values:
    """The values of ``{"section.key": value}``."""
    found: Values = {}
    for name, value in given.items():
        section, _, key = name.partition(".")
        if _is_known(section, key or "?", source, refuse):
            found[section, key] = (source, value)
    return found
