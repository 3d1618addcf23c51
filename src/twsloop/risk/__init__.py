"""The risk gate: every order passes all limits that are set, and counts as done once it has.

`gate.RiskGate` judges orders, `watch` looks at limits between two of them, `kill.KillSwitch` is the
latch that stops all. All of it is pure; what it has to know is handed over (`sources.Sources`).
"""
