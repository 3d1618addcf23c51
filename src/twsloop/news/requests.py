"""What goes out about news: each question returns a Future, what goes on a `Stream`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ibapi.contract import Contract

from twsloop.connection.asks import Asks
from twsloop.connection.core import Core
from twsloop.connection.streams import Feed, Stream, StreamPlan
from twsloop.errors import RequestError
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.wire.identity import contract_key
from twsloop.wire.times import utc_text

from .companies import Companies, Details, no_details
from .processor import NewsProcessor, NewsStreams
from .state import (
    Article,
    Bulletin,
    BulletinBoard,
    Headline,
    NewsPages,
    Provider,
    Seen,
    read_providers,
)

__all__ = ["News"]

#: May refuse a line of market data, or gives one back.
Slot = Callable[[Feed[Any]], object]

#: No quotes, only the headlines of these providers (IB's generic tick).
_HEADLINES_ONLY = "mdoff,292"
_BULLETINS = "news_bulletins"


class News(Companies):
    """The news slice.

    Args:
        core: The connection.
        to_contract: Reads what users give as a contract.
        label: Writes a contract for people.
        details: Looks a contract up, where a request needs its id.
        take_line: May refuse a market data line, by raising: live headlines hold one.
        give_line: Gives it back.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[Contract | str], Contract],
        label: Callable[[Contract], str],
        details: Details = no_details,
        take_line: Slot | None = None,
        give_line: Slot | None = None,
    ) -> None:
        super().__init__(core, to_contract=to_contract, label=label, details=details)
        self._take_line = take_line
        self._give_line = give_line
        self._streams = NewsStreams(core)
        self._codes: tuple[str, ...] | None = None
        core.add_slice(NewsProcessor(core))
        core.on_down(self._forget_codes)

    # ---- asked once ----------------------------------------------------------------------

    def providers(self, *, timeout: float | None = None) -> Future[list[Provider]]:
        """The providers that this login may read; from any thread."""
        return self._core.event_loop.submit(self._ask_providers, timeout)

    def headlines(
        self,
        contract: Contract | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        providers: Iterable[str] = (),
        limit: int | None = 300,
        timeout: float | None = None,
    ) -> Future[list[Headline]]:
        """Headlines of a contract between two times, the latest first; from any thread.

        IB gives 300 an answer: of more than that, page after page is asked for.

        Args:
            contract: What they are about.
            start: The beginning, with its time zone; None for as far back as IB goes.
            end: The end; None for now.
            providers: Their codes; all that this login may read unless given.
            limit: At most so many; None for all.
            timeout: Seconds for each answer.

        Raises:
            SymbolError: The contract cannot be read.
            ValueError: A time without a zone, times in the wrong order, or a limit below 1.
        """
        about = self._to_contract(contract)
        for moment in (start, end):
            if moment is not None:
                utc_text(moment)  # says what is wrong here
        if start is not None and end is not None and start > end:
            msg = f"the span begins at {start}, after its end at {end}"
            raise ValueError(msg)
        if limit is not None and limit < 1:
            msg = f"a limit of {limit} headlines: ask for at least one, or None for all"
            raise ValueError(msg)
        pages = NewsPages(limit, since=start, until=end)
        codes = (providers,) if isinstance(providers, str) else tuple(providers)
        return self._core.event_loop.submit(self._ask_headlines, about, pages, codes, timeout)

    def article(
        self, headline: Headline | str, article_id: str = "", *, timeout: float | None = None
    ) -> Future[Article]:
        """The article of a headline; from any thread.

        Args:
            headline: The headline; or the code of its provider, with ``article_id``.
            article_id: The article's id.
            timeout: Seconds for the answer.

        Raises:
            ValueError: A headline without an article, or no id.
        """
        provider = headline
        if isinstance(headline, Headline):
            provider, article_id = headline.provider, headline.article_id
        if not article_id:
            msg = "an article is asked for by its id: this headline has none"
            raise ValueError(msg)
        return self._core.event_loop.submit(self._ask_article, provider, article_id, timeout)

    # ---- as they come --------------------------------------------------------------------

    def follow(
        self,
        contract: Contract | str,
        on_headline: Callable[[Headline], object] | None = None,
        *,
        providers: Iterable[str] = (),
        where: Where = None,
    ) -> Stream[Headline]:
        """Headlines of a contract as they come; from any thread.

        Args:
            contract: What they are about. It takes a line of market data, without quotes.
            on_headline: Called with each `Headline`.
            providers: Their codes; all that this login may read unless given.
            where: Where the callback runs: None for the loop thread; an executor; a loop.

        Raises:
            SymbolError: The contract cannot be read.
            SlotsExhausted: No line is free.
        """
        about = self._to_contract(contract)
        codes = (providers,) if isinstance(providers, str) else tuple(providers)
        ticks = f"{_HEADLINES_ONLY}:{'+'.join(codes)}" if codes else _HEADLINES_ONLY
        request = f"headlines of {self._label(about)}"
        return self._follow(about, ticks, request=request, on_headline=on_headline, where=where)

    def broad_tape(
        self,
        provider: str,
        on_headline: Callable[[Headline], object] | None = None,
        *,
        topic: str = "",
        where: Where = None,
    ) -> Stream[Headline]:
        """All headlines of a provider as they come; from any thread.

        Args:
            provider: Its code (``BRFG``).
            on_headline: Called with each `Headline`.
            topic: A part of what it writes (``ASIAPAC`` of ``DJTOP``); all of it unless given.
            where: Where the callback runs: None for the loop thread; an executor; a loop.

        Raises:
            ValueError: No code.
            SlotsExhausted: No line is free.
        """
        if not provider:
            msg = "whose headlines? providers() lists the codes that this login may read"
            raise ValueError(msg)
        tape = Contract()
        tape.secType = "NEWS"
        tape.exchange = provider
        tape.symbol = f"{provider}:{topic or f'{provider}_ALL'}"
        request = f"headlines of {provider}"
        return self._follow(
            tape, _HEADLINES_ONLY, request=request, on_headline=on_headline, where=where
        )

    def bulletins(
        self,
        on_bulletin: Callable[[Bulletin], object] | None = None,
        *,
        where: Where = None,
    ) -> Stream[Bulletin]:
        """Bulletins of the broker and the exchanges, those of today first; from any thread.

        All handles share one subscription; ``stream.state.all()`` lists what it has brought.
        """
        core = self._core

        def send(_req_id: int) -> None:
            core.asks.hold(_BULLETINS, Asks.SLICES)
            core.reqNewsBulletins(True)

        def cancel(_req_id: int) -> None:
            if core.release(_BULLETINS):  # else the user's own subscription goes on
                core.cancelNewsBulletins()

        plan = StreamPlan(
            request="news bulletins",
            send=send,
            cancel=cancel,
            key=(_BULLETINS,),
            listener=self._streams,
            callbacks=("updateNewsBulletin",),
            state=BulletinBoard,
            quiet=True,
        )
        return core.streams.open(plan, on_bulletin, where)

    def _follow(
        self,
        contract: Contract,
        ticks: str,
        *,
        request: str,
        on_headline: Callable[[Headline], object] | None,
        where: Where,
    ) -> Stream[Headline]:
        core = self._core
        plan = StreamPlan(
            request=request,
            send=lambda req_id: core.reqMktData(req_id, contract, ticks, False, False, []),
            cancel=core.cancelMktData,
            key=("news", contract_key(contract), ticks),
            listener=self._streams,
            callbacks=("tickNews",),
            state=Seen,
            admit=self._take_line,
            release=self._give_line,
            contract=contract,
            quiet=True,
        )
        return core.streams.open(plan, on_headline, where)

    # ---- on the loop thread --------------------------------------------------------------

    async def _ask_providers(self, patience: float | None) -> list[Provider]:
        core = self._core
        (rows,) = await core.ask(
            lambda _id: core.reqNewsProviders(),
            request="news providers",
            key="news_providers",
            timeout=patience,
            share=("news_providers",),
        )
        return read_providers(rows)

    async def _ask_headlines(
        self,
        contract: Contract,
        pages: NewsPages,
        codes: tuple[str, ...],
        patience: float | None,
    ) -> list[Headline]:
        core = self._core
        con_id = await self._con_id(contract, patience)
        asked = "+".join(codes or await self._all_codes(patience))
        while not pages.complete:
            span = (_text(pages.since), _text(pages.until))
            question = (con_id, asked, *span, pages.wanted)

            def send(req_id: int, question: tuple[Any, ...] = question) -> None:
                core.reqHistoricalNews(req_id, *question, [])

            pages.take(
                await core.ask(
                    send,
                    request=f"headlines of {self._label(contract)}",
                    timeout=patience,
                    share=("historical_news", *question),
                )
            )
        return pages.headlines

    async def _all_codes(self, patience: float | None) -> tuple[str, ...]:
        """The codes of all providers; a login has the same ones all day."""
        if self._codes is None:
            self._codes = tuple(row.code for row in await self._ask_providers(patience))
        if not self._codes:
            msg = "this login may read no provider of news"
            raise RequestError(msg, request="headlines")
        return self._codes

    async def _ask_article(self, provider: str, article_id: str, patience: float | None) -> Article:
        core = self._core
        (answer,) = await core.ask(
            lambda req_id: core.reqNewsArticle(req_id, provider, article_id, []),
            request=f"article {article_id} of {provider}",
            timeout=patience,
            share=("news_article", provider, article_id),
        )
        return Article.read(provider, article_id, answer)

    def _forget_codes(self) -> None:
        self._codes = None


def _text(moment: datetime | None) -> str:
    return "" if moment is None else utc_text(moment)
