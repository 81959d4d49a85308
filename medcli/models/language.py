"""Any model of transformers that answers in text, with its processor: which class it is loaded by.

Knows transformers' auto classes; refuses to know what is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.models import checkpoint, processors
from medcli.models.loading import Placement, loading

if TYPE_CHECKING:
    from medcli.models.spec import ModelSpec


def language_model(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Load a model and its processor, or its tokenizer where it sees nothing."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as SEEING

    code = {"trust_remote_code": spec.trust_remote_code}
    placement = Placement.of(spec, settings)
    with loading():
        config = AutoConfig.from_pretrained(folder, **code)
        remote = "AutoModelForImageTextToText" in (settings.get("auto_map") or {})
        kind = AutoModelForImageTextToText if config.model_type in SEEING or remote else AutoModelForCausalLM
        processor = processors.load(folder, **code)
        checkpoint.names(folder)
        model, report = kind.from_pretrained(
            folder, config=config, output_loading_info=True, **code, **placement.arguments
        )
    checkpoint.check_loaded(report)
    return placement.finish(model), processor
