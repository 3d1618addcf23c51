"""The gateway's settings over the API: IB's nested messages as paths and values (pure).

A setting's path is made of the names in IB's messages: ``api.settings.readOnlyApi``,
``orders.smartRouting.defaultAlgorithm``. Only what the gateway names is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs
from ibapi.protobuf.UpdateConfigRequest_pb2 import UpdateConfigRequest

__all__ = [
    "ConfigMessage",
    "ConfigUpdate",
    "ConfigWarning",
    "Configuration",
    "Setting",
    "read_configuration",
    "read_update",
    "update_request",
]

Setting: TypeAlias = bool | int | str | tuple[str, ...]
#: The parts of a configuration that hold settings.
GROUPS = ("lockAndExit", "api", "orders")
_SUCCESS = "success"


def _frozen(value: Mapping[str, Setting]) -> Mapping[str, Setting]:
    return MappingProxyType(dict(value))


@attrs.frozen
class ConfigMessage:
    """A message that the gateway asks people to confirm.

    Attributes:
        id: Its number.
        title: Its title.
        text: What it says.
        default_action: The answer that is given unless somebody answers.
        enabled: Whether it is shown.
    """

    id: int
    title: str
    text: str
    default_action: str
    enabled: bool


@attrs.frozen
class Configuration:
    """The gateway's settings.

    Attributes:
        values: Path -> value, of all that the gateway names.
        messages: The messages that people confirm.
    """

    values: Mapping[str, Setting] = attrs.field(converter=_frozen, hash=False)
    messages: tuple[ConfigMessage, ...] = ()

    def __getitem__(self, path: str) -> Setting:
        """The value at a path.

        Raises:
            KeyError: The gateway does not name it.
        """
        return self.values[path]

    def get(self, path: str, default: Setting | None = None) -> Setting | None:
        """The value at a path, or the default."""
        return self.values.get(path, default)


@attrs.frozen
class ConfigWarning:
    """A warning that has to be accepted before a change is made.

    Attributes:
        id: The number of the message.
        title: Its title.
        text: What it says.
    """

    id: int
    title: str
    text: str


@attrs.frozen
class ConfigUpdate:
    """What became of a change.

    Attributes:
        status: IB's word (``success``, ``error``...).
        text: What the gateway says of it.
        changed: The paths that have another value now.
        errors: What was refused.
        warnings: What has to be accepted first.
    """

    status: str
    text: str
    changed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[ConfigWarning, ...] = ()

    @property
    def made(self) -> bool:
        """Whether the change was made."""
        return self.status == _SUCCESS


def read_configuration(answer: Any) -> Configuration:
    """The settings of IB's ConfigResponse."""
    values = {
        path: value
        for group in GROUPS
        if answer.HasField(group)
        for path, value in _settings(getattr(answer, group), group)
    }
    messages = tuple(
        ConfigMessage(one.id, one.title, one.message, one.defaultAction, one.enabled)
        for one in answer.messages
    )
    return Configuration(values, messages)


def read_update(answer: Any) -> ConfigUpdate:
    """What became of a change, of IB's UpdateConfigResponse."""
    return ConfigUpdate(
        status=answer.status,
        text=answer.message,
        changed=tuple(path.removeprefix("configuration.") for path in answer.changedFields),
        errors=tuple(answer.errors),
        warnings=tuple(
            ConfigWarning(one.messageId, one.title, one.message) for one in answer.warnings
        ),
    )


def update_request(
    changes: Mapping[str, Setting],
    *,
    messages: Mapping[int, bool] | None = None,
    accepted: Iterable[ConfigWarning] = (),
) -> Any:
    """IB's request for changes, without an id.

    Args:
        changes: Path -> new value.
        messages: Number of a message -> whether it is to be shown.
        accepted: Warnings of an earlier answer that are accepted.

    Raises:
        ValueError: Nothing to change, a path that there is not, or a value of the wrong type.
    """
    if not changes and not messages:
        msg = "nothing to change: give a path and its new value"
        raise ValueError(msg)
    request = UpdateConfigRequest()
    for path, value in changes.items():
        _set(request, path, value)
    for number, enabled in (messages or {}).items():
        request.messages.add(id=number, enabled=enabled)
    for warning in accepted:
        request.acceptedWarnings.add(
            messageId=warning.id, title=warning.title, message=warning.text
        )
    return request


def _settings(message: Any, path: str) -> Iterator[tuple[str, Setting]]:
    """Path and value of every setting that a message has."""
    for field, value in message.ListFields():
        inner = f"{path}.{field.name}"
        if field.message_type is not None:
            yield from _settings(value, inner)
        elif isinstance(value, bool | int | str):
            yield inner, value
        else:
            yield inner, tuple(value)


def _set(request: Any, path: str, value: Setting) -> None:
    message, (*groups, name) = request, path.split(".")
    for group in groups:
        field = message.DESCRIPTOR.fields_by_name.get(group)
        if field is None or field.message_type is None:
            raise _unknown(path)
        message = getattr(message, group)
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None or field.message_type is not None or not groups:
        raise _unknown(path)
    try:
        if isinstance(value, tuple | list):
            getattr(message, name)[:] = value
        elif isinstance(value, bool) and field.type != field.TYPE_BOOL:
            raise TypeError
        else:
            setattr(message, name, value)
    except (TypeError, ValueError, AttributeError) as error:
        msg = f"{path} cannot be {value!r}"
        raise ValueError(msg) from error


def _unknown(path: str) -> ValueError:
    return ValueError(f"there is no setting {path!r}; gw.system.configuration() lists them")
