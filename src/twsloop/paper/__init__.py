"""The paper gateway: a server that speaks the real TWS protocol, with a market of its own.

Any TWS client in any language can connect, stream, trade and be tested against it::

    from twsloop.paper import PaperGateway

    with PaperGateway() as paper:
        app.connect(paper.host, paper.port, clientId=1)

The rooms, from the inside out; what knows sockets, the loop or timers comes last. Arrows between
them only point up this list (import-linter checks it):

- `clock`: the market's time and days, and who holds them.
- `catalogue`: what is listed. `market`: what happens, and how it is told. `feeds`: who makes it.
- `accounts`, `orders`, `exchange`: the exchange and the broker. Requests and quotes go in, IB's
  messages come out, in IB's order.
- `history`: what was before, in agreement with what is told live.
- `clients`: who is told what, batched and encoded once per kind; and how much each may ask.
- `requests`: what answers which request.
- `connection`, `server`: sockets and the loop. `control`: a test's hand on the market.

Beside them `tape`, a gateway without a market: it records other gateways' sessions, and plays them
and what people write.
"""

from __future__ import annotations

from .clients.pacing_judge import PacingRules
from .clock.timetable import Timetable
from .orders.rules import OrderRules
from .server import PaperGateway

__all__ = ["OrderRules", "PacingRules", "PaperGateway", "Timetable"]
