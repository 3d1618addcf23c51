"""The paper gateway: a server that speaks the real TWS protocol, with a market of its own.

Any TWS client in any language can connect, stream, trade and be tested against it::

    from twsloop.paper import PaperGateway

    with PaperGateway() as paper:
        app.connect(paper.host, paper.port, clientId=1)

Theory of operation, from the inside out; what knows sockets, the loop or timers comes last:

- `matching`, `commissions`, `accounts`, `orders`, `validation`, `valuation`, `engine`: the exchange
  and the broker. Requests and quotes go in, IB's messages come out, in IB's order.
- `market`, `instruments`, `synthetic`, `replay`, `ticks`: the market, and how it is told.
- `session`: one client's protocol life. `requests` and its siblings: what answers which request.
- `hub`, `client`, `fanout`, `account_feed`: who is told what, batched and encoded once per kind.
- `market_clock`, `timetable`, `sessions`, `hours`: the market's time, who holds it, and its days.
- `pacing_judge`, `pacing`: how much and how fast clients may ask.
- `server`: sockets and the loop.
- `control`, with `steering`, `manual` and `interventions`: a test's hand on the market.

Beside it, a gateway without a market: `recorder` writes tapes of other gateways' sessions, `player`
(with `playback`, `script`, `idmap`, `reflexes`) plays them and what people write as a `transcript`.
"""

from __future__ import annotations

from .pacing_judge import PacingRules
from .server import PaperGateway
from .timetable import Timetable

__all__ = ["PacingRules", "PaperGateway", "Timetable"]
