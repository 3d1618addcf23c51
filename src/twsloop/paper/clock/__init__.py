"""The market's time: its clock and its days, and who waits for what.

`market_clock` is the clock itself, `timetable` makes it wait for clients, `hours` knows when
exchanges are open and `sessions` tells of it, `alarm` is one timer, `times` reads IB's dates.
"""
