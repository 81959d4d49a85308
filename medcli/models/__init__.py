"""Models: one small protocol over two backends, transformers in process and any OpenAI-compatible endpoint.

Knows prompts, pictures and tokens; refuses to know files of questions, ledgers, or who is asking. What a caller
codes against stands in :mod:`medcli.models.protocol`; nothing heavy is imported before :func:`load` is called.
"""

from __future__ import annotations

from medcli.models.protocol import Backend, ModelSpec, Picture, Reply, Request, Sampling
from medcli.models.registry import load

__all__ = ["Backend", "ModelSpec", "Picture", "Reply", "Request", "Sampling", "load"]
