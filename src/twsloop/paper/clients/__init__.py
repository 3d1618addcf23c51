"""Who is connected, what each watches and may see, and what each is told.

`hub` is the middle; `session` is one client's protocol life and `client` what the others see of it;
`fanout`, `account_feed`, `generic_feed` and `delayed` tell; `visibility`, `permissions` and
`pacing` say who may.
"""
