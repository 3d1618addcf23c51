"""What goes out about the gateway itself: each question returns a Future."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from ibapi.contract import Contract
from ibapi.protobuf.ConfigRequest_pb2 import ConfigRequest

from twsloop.connection.core import Core
from twsloop.connection.dispatch import UnknownMessage
from twsloop.connection.streams import Stream, StreamPlan
from twsloop.errors import NotConnected, RequestError, RequestTimeout
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.session.farms import Farm

from .advisor import FaData, FaGroup, read_aliases, read_fa_groups, write_fa_groups
from .configuration import ConfigUpdate, Configuration, ConfigWarning, Setting, update_request
from .groups import GroupState, answers, refused_change
from .processor import GroupStreams, SystemProcessor
from .state import (
    ClockReading,
    GroupView,
    LogLevel,
    SoftDollarTier,
    UserInfo,
    group_text,
    read_clock,
)

__all__ = ["System"]

T = TypeVar("T")

#: From this server version on the gateway tells its time in milliseconds.
_MILLIS_SINCE = 197
#: From this server version on it says that an advisor's data was replaced.
_REPLACED_SINCE = 157


class System:
    """The system slice.

    Args:
        core: The connection.
        to_contract: Reads what users give as a contract.
    """

    def __init__(self, core: Core, *, to_contract: Callable[[Contract | str], Contract]) -> None:
        self._core = core
        self._to_contract = to_contract
        self._streams = GroupStreams(core)
        core.add_slice(SystemProcessor(core))

    @property
    def farms(self) -> Mapping[str, Farm]:
        """How it stands with the gateway's links to IB's data farms, by name; from any thread.

        As this session was told: a farm that nothing was said of is not in it. `FarmChanged` is
        told to observers whenever one changes.
        """
        return self._core.streams.care.farms.rows

    @property
    def unknown_messages(self) -> tuple[UnknownMessage, ...]:
        """The newest messages of the gateway that IB's client does not know; from any thread.

        A newer gateway may send some. They end nothing: they are kept, counted, and reported with
        IB's code 505.
        """
        return self._core.unknown_messages

    # ---- time ----------------------------------------------------------------------------

    def time(self, *, timeout: float | None = None) -> Future[datetime]:
        """The gateway's time, UTC, in whole seconds; from any thread."""
        return self._core.event_loop.submit(self._ask_time, timeout)

    def clock(self, *, timeout: float | None = None) -> Future[ClockReading]:
        """The gateway's clock beside ours, and how far they are apart; from any thread.

        In milliseconds from server version 197 on, in seconds before.
        """
        return self._core.event_loop.submit(self._ask_clock, timeout)

    # ---- the login -----------------------------------------------------------------------

    def user_info(self, *, timeout: float | None = None) -> Future[UserInfo]:
        """About the login; from any thread."""
        return self._one(self._core.reqUserInfo, "user info", timeout)

    def next_valid_id(self, *, timeout: float | None = None) -> Future[int]:
        """The first order id that the gateway takes from this client; from any thread.

        `place_order` sees to ids by itself.
        """
        return self._core.event_loop.submit(self._ask_id, timeout)

    def soft_dollar_tiers(self, *, timeout: float | None = None) -> Future[list[SoftDollarTier]]:
        """The tiers of soft dollars that an order may name; from any thread."""
        return self._one(self._core.reqSoftDollarTiers, "soft dollar tiers", timeout)

    def set_log_level(self, level: LogLevel | int) -> Future[None]:
        """How much the gateway writes into its log about API clients; from any thread.

        The gateway does not answer: the Future says that the request was handed over.

        Raises:
            ValueError: No such level.
        """
        wanted = LogLevel(level)
        return self._core.event_loop.submit(self._core.setServerLogLevel, int(wanted))

    # ---- an advisor's data ---------------------------------------------------------------

    def fa_groups(self, *, timeout: float | None = None) -> Future[list[FaGroup]]:
        """An advisor's groups; error 321 for all others. From any thread."""
        return self._core.event_loop.submit(self._ask_fa, FaData.GROUPS, read_fa_groups, timeout)

    def fa_aliases(self, *, timeout: float | None = None) -> Future[Mapping[str, str]]:
        """Account -> what the advisor calls it; from any thread."""
        return self._core.event_loop.submit(self._ask_fa, FaData.ALIASES, read_aliases, timeout)

    def replace_fa_groups(
        self, groups: Iterable[FaGroup], *, timeout: float | None = None
    ) -> Future[str]:
        """Replace all of an advisor's groups; from any thread.

        Returns:
            A Future of the gateway's word for it. Before server version 157 there is none: the
            Future is empty, and says that the request was handed over.

        Raises:
            ValueError: A group without a name or accounts, or two of one name.
        """
        xml = write_fa_groups(groups)
        return self._core.event_loop.submit(self._replace_fa, xml, timeout)

    # ---- display groups of TWS -----------------------------------------------------------

    def display_groups(self, *, timeout: float | None = None) -> Future[tuple[int, ...]]:
        """The numbers of the display groups, the most used first; from any thread."""
        return self._one(self._core.queryDisplayGroups, "display groups", timeout)

    def display_group(
        self,
        group: int,
        on_shown: Callable[[GroupView], object] | None = None,
        *,
        where: Where = None,
    ) -> Stream[GroupView]:
        """What a display group shows, now and whenever that changes; from any thread.

        Args:
            group: Its number.
            on_shown: Called with each `GroupView`.
            where: Where the callback runs: None for the loop thread; an executor; a loop.
        """
        core = self._core
        plan = StreamPlan(
            request=f"display group {group}",
            send=lambda req_id: core.subscribeToGroupEvents(req_id, group),
            cancel=core.unsubscribeFromGroupEvents,
            key=("display_group", group),
            listener=self._streams,
            callbacks=("displayGroupUpdated",),
            state=GroupState,
            on_notice=refused_change,
            keep_latest=True,
            quiet=True,
        )
        return core.streams.open(plan, on_shown, where)

    def show(
        self,
        group: Stream[GroupView],
        contract: Contract | str | None,
        *,
        timeout: float | None = None,
    ) -> Future[GroupView]:
        """Let a display group show another contract; from any thread.

        Args:
            group: What `display_group` returned.
            contract: A contract with its ``conId``; None for nothing.
            timeout: Seconds for the answer.

        Returns:
            A Future of what the group shows then. It fails with IB's error for a contract that the
            group cannot show.

        Raises:
            SymbolError: The contract cannot be read.
            ValueError: It has no ``conId``.
        """
        if contract is None:
            text = group_text(None)
        else:
            shown = self._to_contract(contract)
            text = group_text(shown.conId, shown.exchange)
        return self._core.event_loop.submit(self._show, group, text, timeout)

    # ---- settings ------------------------------------------------------------------------

    def configuration(self, *, timeout: float | None = None) -> Future[Configuration]:
        """The gateway's settings (server version 219 and later); from any thread."""
        core = self._core
        return self._one(
            lambda req_id: core.reqConfigProtoBuf(ConfigRequest(reqId=req_id)),
            "configuration",
            timeout,
        )

    def update_configuration(
        self,
        changes: Mapping[str, Setting],
        *,
        messages: Mapping[int, bool] | None = None,
        accepted: Iterable[ConfigWarning] = (),
        timeout: float | None = None,
    ) -> Future[ConfigUpdate]:
        """Change the gateway's settings (server version 221 and later); from any thread.

        These are settings of the gateway itself, for all its clients; some of them switch off what
        protects orders.

        Args:
            changes: Path -> new value, as `configuration` has them.
            messages: Number of a message -> whether people are asked to confirm it.
            accepted: Warnings of an earlier answer that are accepted.
            timeout: Seconds for the answer.

        Returns:
            A Future of what became of it. It fails with a RequestError, with what was refused, if
            the gateway refused it; warnings that have to be accepted are in ``warnings``.

        Raises:
            ValueError: A path that there is not, or a value of the wrong type.
        """
        wanted = update_request(changes, messages=messages, accepted=accepted)
        return self._core.event_loop.submit(self._update, wanted, timeout)

    # ---- on the loop thread --------------------------------------------------------------

    def _one(
        self, send: Callable[[int], object], request: str, patience: float | None
    ) -> Future[Any]:
        """Ask what is answered in one part; from any thread."""
        return self._core.event_loop.submit(self._ask_one, send, request, patience)

    async def _ask_one(
        self, send: Callable[[int], object], request: str, patience: float | None
    ) -> Any:
        (answer,) = await self._core.ask(
            send, request=request, timeout=patience, share=("system", request)
        )
        return answer

    async def _ask_single(
        self, send: Callable[[], object], request: str, key: str, patience: float | None
    ) -> Any:
        (answer,) = await self._core.ask(
            lambda _id: send(), request=request, key=key, timeout=patience, share=("system", key)
        )
        return answer

    async def _ask_time(self, patience: float | None) -> datetime:
        core = self._core
        told = await self._ask_single(core.reqCurrentTime, "time", "current_time", patience)
        return datetime.fromtimestamp(told, UTC)

    async def _ask_clock(self, patience: float | None) -> ClockReading:
        core = self._core
        millis = core.server_version >= _MILLIS_SINCE
        key = "current_time_in_millis" if millis else "current_time"
        asked: list[datetime] = []

        def send(_req_id: int) -> None:
            asked.append(core.clock.now())
            (core.reqCurrentTimeInMillis if millis else core.reqCurrentTime)()

        # Not shared: another's question may have left long before.
        (told,) = await core.ask(send, request="clock", key=key, timeout=patience)
        return read_clock(told, millis=millis, asked=asked[-1], answered=core.clock.now())

    async def _ask_id(self, patience: float | None) -> int:
        core = self._core
        told: int = await self._ask_single(
            lambda: core.reqIds(1), "next valid id", "valid_id", patience
        )
        return told

    async def _ask_fa(self, kind: FaData, read: Callable[[str], T], patience: float | None) -> T:
        core = self._core
        request = f"advisor's {kind.name.lower()}"
        (answer,) = await core.ask(
            lambda _id: core.requestFA(int(kind)),
            request=request,
            key="fa",
            timeout=patience,
            share=("fa", kind),
        )
        _, xml = answer
        try:
            return read(xml)
        except ValueError as error:
            raise RequestError(str(error), request=request) from error

    async def _replace_fa(self, xml: str, patience: float | None) -> str:
        core = self._core
        if core.server_version < _REPLACED_SINCE:
            core.replaceFA(core.request_ids.take(), int(FaData.GROUPS), xml)
            return ""
        (text,) = await core.ask(
            lambda req_id: core.replaceFA(req_id, int(FaData.GROUPS), xml),
            request="replacing the advisor's groups",
            timeout=patience,
        )
        return str(text)

    async def _show(self, group: Stream[GroupView], text: str, patience: float | None) -> GroupView:
        core, feed = self._core, group.feed
        request = f"change of {group.request}"
        if feed.req_id is None or not core.connected:
            msg = f"{request}: it is not followed now"
            raise NotConnected(msg)
        state: GroupState = feed.state
        if state.shown is not None and answers(text, state.shown):
            return state.shown  # TWS tells changes only
        req_id: int = feed.req_id
        seconds = core.config.connection.request_timeout if patience is None else patience
        change = state.change(text)

        def too_late() -> None:
            text = f"no answer within {seconds:g} s"
            state.fail(change, RequestTimeout(text, req_id=req_id, request=request))

        timer = core.clock.call_later(seconds, too_late)
        try:
            core.updateDisplayGroup(req_id, text)
            return await change
        finally:
            timer.cancel()
            state.forget(change)

    async def _update(self, wanted: Any, patience: float | None) -> ConfigUpdate:
        core = self._core

        def send(req_id: int) -> None:
            wanted.reqId = req_id
            core.updateConfigProtoBuf(wanted)

        request = "change of the gateway's settings"
        (update,) = await core.ask(send, request=request, timeout=patience)
        if not update.made and not update.warnings:
            refused = ", ".join(update.errors) or update.status
            raise RequestError(f"{update.text}: {refused}", request=request)
        made: ConfigUpdate = update
        return made
