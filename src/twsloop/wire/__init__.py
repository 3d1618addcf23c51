"""The wire, without any I/O: frames, hello, the message table, and both encodings.

- `framing`: bytes to frames, frames to bytes.
- `handshake`: the hello of both sides.
- `messages`: number, name, protobuf class and version gates of every message.
- `text`: the layout engine of the text protocol; `layouts_in` and `layouts_out` hold the layouts.
- `codec`: a body from a protobuf message at a server version, and back.
"""
