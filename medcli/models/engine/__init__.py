"""The engine for speed over plain transformers: pictures encoded once, prefixes prefilled once, rows retired when done.

``plan`` deals rows into batches, ``cache`` holds keys and values, ``draw`` picks tokens, ``fast`` and ``plain`` run a
batch, ``check`` compares the two. Knows a :class:`~medcli.models.family.Family`; refuses to know files and ledgers.
"""
