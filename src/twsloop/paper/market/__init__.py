"""What happens in a market, and how IB tells it: pure, and the same for every feed.

`vocabulary` has the events and the top of book; `ticks`, `tick_by_tick`, `depth` and
`generic_ticks` turn changes of it into messages; `options` values what follows from it,
`statistics`, `scanner` and `news` say more about it.
"""
