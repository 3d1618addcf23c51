"""What an order is and what is asked of it: pure tables and rules, one subject a file.

`reading` makes an order of a request; `validation`, `contract_rules` and `changes` refuse it in
IB's words (`refusals`); `triggers`, `matching`, `schedule`, `groups` and `adjusting` say what
becomes of it; `echo` and `outbox` tell of it.
"""
