"""An LLM as a judge: what it may see, how it is asked, what its words mean.

Knows prompts and verdicts, and that a judge is a server that may fail. Refuses to average.
"""
