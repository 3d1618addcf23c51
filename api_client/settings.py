"""What a client is told: where, with which key, how patient, how fast.

Each value is taken from the argument, else from the environment (``API_BASE_URL``, ``API_KEY``),
else from a ``.env`` file in the current directory. The key lives in a `Secret`, which no ``repr``,
``str``, format or ``attrs.asdict`` opens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs

from .errors import ApiConfigError

__all__ = [
    "KeyPlace",
    "RateLimits",
    "RetryPolicy",
    "Secret",
    "Settings",
    "Timeouts",
    "read_env_file",
]

KeyPlace = Literal["header", "query"]
_MIB = 1024 * 1024


class Secret:
    """A text that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


def _positive(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not value > 0:
        raise ApiConfigError(f"{attribute.name} must be above 0, not {value}")


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not value >= 0:
        raise ApiConfigError(f"{attribute.name} must not be below 0, not {value}")


@attrs.frozen(kw_only=True)
class Timeouts:
    """Deadlines of one request, in seconds.

    Attributes:
        connect: Until the connection (with TLS) stands.
        read: The longest silence while the answer is awaited or comes in.
        total: From the beginning to the last byte.
    """

    connect: float = attrs.field(default=5.0, validator=_positive)
    read: float = attrs.field(default=10.0, validator=_positive)
    total: float = attrs.field(default=30.0, validator=_positive)


@attrs.frozen(kw_only=True)
class RateLimits:
    """How fast the client lets itself be; the defaults are the service's own limits.

    Attributes:
        standard: Requests in any ``period``, all standard endpoints together.
        heavy: The same for the data-heavy endpoints.
        period: Seconds.
        margin: Seconds a place stays taken beyond the period: clocks of two machines differ.
        max_wait: Raise `ApiRateWaitError` rather than wait longer than these seconds; None waits.
    """

    standard: int = attrs.field(default=30, validator=_positive)
    heavy: int = attrs.field(default=15, validator=_positive)
    period: float = attrs.field(default=60.0, validator=_positive)
    margin: float = attrs.field(default=0.25, validator=_not_negative)
    max_wait: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(_not_negative)
    )


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and after how long a request is sent again.

    Sent again are 429, 5xx but 501, and connection faults. A timeout after the request has left is
    not, unless ``timeouts`` says so: the service may still be at work on it, and asking again would
    double that.

    Attributes:
        attempts: Requests at most, the first included; 1 never retries.
        base: Seconds before the second request; doubled for each further one.
        cap: The longest back-off, in seconds.
        max_reset: Give up with `RateLimitError` at once if a 429 asks for more seconds than these.
        timeouts: Also retry a request that was not answered in time.
    """

    attempts: int = attrs.field(default=4, validator=_positive)
    base: float = attrs.field(default=0.5, validator=_not_negative)
    cap: float = attrs.field(default=30.0, validator=_not_negative)
    max_reset: float = attrs.field(default=120.0, validator=_not_negative)
    timeouts: bool = False

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after this many failures: half of it fixed, half by chance (0..1).

        >>> from api_client import RetryPolicy
        >>> RetryPolicy(base=1.0).delay(3, chance=0.5)
        3.0
        """
        whole = min(self.cap, self.base * 2.0 ** min(failures - 1, 32))
        return whole / 2 + whole / 2 * chance


def read_env_file(path: Path) -> dict[str, str]:
    """The ``NAME=value`` lines of a ``.env`` file; comments, ``export`` and quotes are understood.

    Raises:
        ApiConfigError: It cannot be read. The text names the file and never its content.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ApiConfigError(f"cannot read {path}: {type(error).__name__}") from None
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = re.sub(r"^\s*export\s", "", line).partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or name.startswith("#"):
            continue
        if value[:1] in {"'", '"'} and value.find(value[0], 1) > 0:
            value = value[1 : value.find(value[0], 1)]
        else:
            value = value.partition(" #")[0].strip()
        found[name] = value
    return found


def _clean_base_url(value: str) -> str:
    # Nothing of a bad URL is echoed: somebody may have put the key into it.
    try:
        parts = urlsplit(value.strip())
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # a name that no lookup takes: an empty or endless label
    except ValueError:
        raise ApiConfigError("the base URL is not a URL") from None
    if host is not None and any(letter.isspace() or not letter.isprintable() for letter in host):
        raise ApiConfigError("the base URL is not a URL")
    if parts.scheme not in {"http", "https"} or not host:
        raise ApiConfigError("the base URL must be http(s)://HOST[:PORT]/api/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ApiConfigError("the base URL must hold no user, query or fragment; give api_key")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _clean_key(value: str) -> Secret:
    key = value.strip()
    if not key:
        raise ApiConfigError("the API key is empty")
    if not all("!" <= letter <= "~" for letter in key):
        raise ApiConfigError("the API key holds a character that no header can carry")
    return Secret(key)


@attrs.frozen(kw_only=True)
class Settings:
    """Everything a client is told. `load` fills in what is not given.

    Attributes:
        base_url: ``https://HOST/api/v1``.
        api_key: The key.
        key_place: ``header`` (``X-API-Key``) or ``query`` (``api_key=``).
        timeouts: By endpoint class (``status``, ``data_range``, ...); those absent keep their
            defaults.
        limits: How fast.
        retries: How patient.
        max_body: The longest body taken, in bytes after decompression.
        proxy: A proxy's URL; None takes the environment's (never for this machine itself).
    """

    base_url: str
    api_key: Secret
    key_place: KeyPlace = attrs.field(
        default="header", validator=attrs.validators.in_(("header", "query"))
    )
    timeouts: Mapping[str, Timeouts] = attrs.field(factory=dict)
    limits: RateLimits = attrs.field(factory=RateLimits)
    retries: RetryPolicy = attrs.field(factory=RetryPolicy)
    max_body: int = attrs.field(default=64 * _MIB, validator=_positive)
    proxy: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def load(
        cls,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        *,
        env_file: str | Path | None = ".env",
        environ: Mapping[str, str] | None = None,
        **others: object,
    ) -> Settings:
        """Fill base URL and key from arguments, environment or ``.env``, in this order.

        Args:
            base_url: ``https://HOST/api/v1``.
            api_key: The key.
            env_file: Read only for what is still missing; the default may be absent. None reads
                none.
            environ: Default: the process's environment.
            **others: The other attributes.

        Raises:
            ApiConfigError: One is missing or cannot be used.
        """
        known: dict[str, str] = {}
        environment = os.environ if environ is None else environ
        given = {
            "API_BASE_URL": base_url,
            "API_KEY": api_key.reveal() if isinstance(api_key, Secret) else api_key,
        }
        for name, value in given.items():
            found = value if value is not None else environment.get(name)
            if found is not None:
                known[name] = found
        if len(known) < len(given) and env_file is not None:
            path = Path(env_file)
            if path.exists() or str(env_file) != ".env":
                known = {**read_env_file(path), **known}
        for name, argument in (("API_BASE_URL", "base_url"), ("API_KEY", "api_key")):
            if not known.get(name):
                raise ApiConfigError(
                    f"no {argument}: pass it, set {name}, or write {name}=... into .env",
                    setting=argument,
                )
        return cls(
            base_url=_clean_base_url(known["API_BASE_URL"]),
            api_key=_clean_key(known["API_KEY"]),
            **others,  # type: ignore[arg-type]
        )
