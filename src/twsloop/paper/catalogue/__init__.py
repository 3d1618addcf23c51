"""What the paper market lists, and how a contract description finds it.

`listings` is data, `listed` and `chains` make an `instrument` of it, `instruments` is the catalogue
that clients search; `calendar_rules` and `market_rules` are the exchanges' rules of expiry and of
prices.
"""
