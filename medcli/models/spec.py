"""Which model is meant, and how it is loaded: plain data, which every process of a run can be handed.

Refuses to know whether any of it exists.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MODEL = "microsoft/llava-med-v1.5-mistral-7b"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model, and how it is loaded.

    Attributes
    ----------
    model : str
        A folder or a Hub id.
    backend : str
        ``transformers`` or ``openai``.
    template : str
        The name of a prompt template, or ``auto`` for the checkpoint's.
    padding : {"centered", "llava-med"}
        How a picture becomes square for a LLaVA-Med v1.5 checkpoint that asks for it.
    vision_weights : {"auto", "checkpoint", "config"}
        Which tower a LLaVA-Med v1.5 checkpoint gets: its own weights, or those its config names; ``auto`` is
        the checkpoint's where it has any.
    base : str
        The model that delta weights are added to (LLaVA-Med v1.0).
    adapter : str
        A LoRA adapter's folder or Hub id.
    quantize : {"", "4bit", "8bit"}
        By bitsandbytes.
    dtype : str
        ``auto``, ``float32``, ``bfloat16`` or ``float16``.
    attention : str
        ``auto``, or an attention implementation of transformers: ``sdpa``, ``eager``, ``flash_attention_2``.
    device : str
        ``auto``, ``cpu``, ``cuda:0``.
    split : bool
        Spread one model over all devices.
    trust_remote_code : bool
        Run code that comes with the checkpoint.
    captioner, captioner_chart : str
        Models that put scans and charts into words for a text-only ``model``.
    base_urls : tuple of str
        Endpoints of the ``openai`` backend.
    timeout : float
        Seconds without a byte before a request to an endpoint is given up.
    threads : int
        CPU threads of torch; 0 leaves its own choice.
    """

    model: str = DEFAULT_MODEL
    backend: str = "transformers"
    template: str = "auto"
    padding: str = "centered"
    vision_weights: str = "auto"
    base: str = ""
    adapter: str = ""
    quantize: str = ""
    dtype: str = "auto"
    attention: str = "auto"
    device: str = "auto"
    split: bool = False
    trust_remote_code: bool = False
    captioner: str = ""
    captioner_chart: str = ""
    base_urls: tuple[str, ...] = ()
    timeout: float = 120.0
    threads: int = 0
