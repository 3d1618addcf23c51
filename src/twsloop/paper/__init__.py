"""The paper gateway: a server that speaks the real TWS protocol, with a market of its own.

Any TWS client in any language can connect, stream, trade and be tested against it::

    from twsloop.paper import PaperGateway

    with PaperGateway() as paper:
        app.connect(paper.host, paper.port, clientId=1)

Theory of operation, from the inside out; all but the last two are pure:

- `matching`, `commissions`, `accounts`, `orders`, `validation`, `valuation`, `engine`: the exchange
  and the broker. Requests and quotes go in, IB's messages come out, in IB's order.
- `market`, `instruments`, `synthetic`, `replay`, `ticks`: the market, and how it is told.
- `session`: one client's protocol life. `requests` and its siblings: what answers which request.
- `hub`, `client`, `fanout`, `account_feed`: who is told what, batched and encoded once per kind.
- `server`: sockets and the loop.
"""

from __future__ import annotations

from .server import PaperGateway

__all__ = ["PaperGateway"]
