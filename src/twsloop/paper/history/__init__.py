"""What was before: bars and ticks of any time and size, which agree with what clients saw live.

`archive` holds a `chronicle` for each instrument, made of its `past` (from a seed) and what is
`live`; `query` and `reach` read requests, `format` writes the answers.
"""
