"""A client of the Options Flow Monitor's HTTP API, blocking and awaited.

::

    from api_client import ApiClient

    with ApiClient("https://flow.example.com/api/v1", "my-key") as client:
        for trade in client.trades.get("SLV", limit=5):
            print(trade.option_symbol, trade.price, trade.size)

It stands alone: it knows nothing of twsloop. `api_client.testing` is a server that speaks the same
contract.
"""

from __future__ import annotations

from .answers import (
    DataInfo,
    DataRangeAnswer,
    DivergenceAnswer,
    DivergencePoint,
    MarketHours,
    MinuteBar,
    MinuteDataAnswer,
    MlSystem,
    ModelInfo,
    Prediction,
    PredictionAnswer,
    PredictionsAnswer,
    RangeParameters,
    StatusAnswer,
    SystemStatus,
    ThreadStatus,
    TickersAnswer,
    Trade,
    TradesAnswer,
)
from .client import ApiClient, AsyncApiClient
from .core import Timing
from .errors import (
    ApiAnswerError,
    ApiAnswerTooLargeError,
    ApiClosedError,
    ApiConfigError,
    ApiConnectionError,
    ApiError,
    ApiJsonError,
    ApiParameterError,
    ApiRangeError,
    ApiRateWaitError,
    ApiRedirectError,
    ApiResponse,
    ApiServiceError,
    ApiShapeError,
    ApiTimeoutError,
    ApiTransportError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from .limiter import RateLimiter
from .occ import OptionSymbol
from .settings import RateLimits, RetryPolicy, Secret, Settings, Timeouts
from .tables import to_pandas, to_polars

__all__ = [
    "ApiAnswerError",
    "ApiAnswerTooLargeError",
    "ApiClient",
    "ApiClosedError",
    "ApiConfigError",
    "ApiConnectionError",
    "ApiError",
    "ApiJsonError",
    "ApiParameterError",
    "ApiRangeError",
    "ApiRateWaitError",
    "ApiRedirectError",
    "ApiResponse",
    "ApiServiceError",
    "ApiShapeError",
    "ApiTimeoutError",
    "ApiTransportError",
    "AsyncApiClient",
    "AuthenticationError",
    "BadRequestError",
    "DataInfo",
    "DataRangeAnswer",
    "DivergenceAnswer",
    "DivergencePoint",
    "MarketHours",
    "MinuteBar",
    "MinuteDataAnswer",
    "MlSystem",
    "ModelInfo",
    "NotFoundError",
    "OptionSymbol",
    "Prediction",
    "PredictionAnswer",
    "PredictionsAnswer",
    "RangeParameters",
    "RateLimitError",
    "RateLimiter",
    "RateLimits",
    "RetryPolicy",
    "Secret",
    "ServerError",
    "Settings",
    "StatusAnswer",
    "SystemStatus",
    "ThreadStatus",
    "TickersAnswer",
    "Timeouts",
    "Timing",
    "Trade",
    "TradesAnswer",
    "UnsupportedError",
    "to_pandas",
    "to_polars",
]
