"""Instruction data from figure captions: what is asked of a model, what it must not say, and what is kept.

Knows captions, prompts, checks and formats of conversations. Refuses to talk to a server itself (``models``) and to
drive a long run (``jobs``).
"""
