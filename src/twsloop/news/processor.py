"""What comes in about news: IB's callbacks, read into rows."""

from __future__ import annotations

from typing import Any

from twsloop.connection.core import Core

from .state import BulletinBoard, MoreHeadlines, read_bulletin, read_headline

__all__ = ["NewsProcessor", "NewsStreams"]


class NewsProcessor:
    """EWrapper's callbacks that answer requests for news.

    Args:
        core: The connection; joins answers to our own requests.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def historicalNews(
        self, requestId: int, time: str, providerCode: str, articleId: str, headline: str
    ) -> None:
        """A headline of a span."""
        row = read_headline(time, providerCode, articleId, headline)
        self._core.answer_part(requestId, row)

    def historicalNewsEnd(self, requestId: int, hasMore: bool) -> None:
        """An answer about a span is whole."""
        self._core.answer_part(requestId, MoreHeadlines(bool(hasMore)))
        self._core.answer_end(requestId)

    def newsArticle(self, requestId: int, articleType: int, articleText: str) -> None:
        """An article."""
        self._whole(requestId, (articleType, articleText))

    def wshMetaData(self, reqId: int, dataJson: str) -> None:
        """What can be asked of Wall Street Horizon."""
        self._whole(reqId, dataJson)

    def wshEventData(self, reqId: int, dataJson: str) -> None:
        """Corporate events."""
        self._whole(reqId, dataJson)

    def fundamentalData(self, reqId: int, data: str) -> None:
        """A report about a company, as XML."""
        self._whole(reqId, data)

    def _whole(self, req_id: int, answer: Any) -> None:
        self._core.answer_part(req_id, answer)
        self._core.answer_end(req_id)


class NewsStreams:
    """EWrapper's callbacks about news as it comes; heard while somebody follows it.

    Args:
        core: The connection; knows the streams.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def tickNews(  # noqa: PLR0917  (IB's signature)
        self,
        tickerId: int,
        timeStamp: int,
        providerCode: str,
        articleId: str,
        headline: str,
        extraData: str,
    ) -> None:
        """A headline now."""
        feed = self._core.streams.feed(tickerId)
        if feed is None or feed.plan.listener is not self:
            return
        row = read_headline(timeStamp, providerCode, articleId, headline, extra=extraData)
        if feed.state.is_new(row):
            feed.put(row)

    def updateNewsBulletin(
        self, msgId: int, msgType: int, newsMessage: str, originExch: str
    ) -> None:
        """A bulletin; IB does not say whose request it answers, but there is one feed of them."""
        bulletin = read_bulletin(msgId, msgType, newsMessage, originExch)
        for feed in self._core.streams:
            ours = feed.plan.listener is self and isinstance(feed.state, BulletinBoard)
            if ours and feed.state.post(bulletin):
                feed.put(bulletin)
