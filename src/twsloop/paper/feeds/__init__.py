"""Where prices come from: made up from a seed, replayed from files, moved by hand, or derived.

`feed_base` is what `synthetic`, `replay` and `manual` share; `derived` adds what follows from
others' prices, and `steering` is a hand on any of them.
"""
