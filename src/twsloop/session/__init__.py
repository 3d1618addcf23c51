"""The session's rules, without its sockets: states, liveness, back-off, pacing, pending requests.

Everything here is pure: time and chance come in as arguments.
"""
