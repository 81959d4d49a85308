"""LLaVA-Med as its authors published it: v1.5 (``llava_mistral``) and v1.0 (``llava`` over LLaMA).

Knows the layouts of the two checkpoints and what their programs do with a question; written from a description of
their behaviour. Refuses to know batches.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import UsageError
from medcli.models import checkpoint, llama_tokens, templates
from medcli.models.llava_med_prompts import LlavaMed10, LlavaMed15
from medcli.models.llava_med_vision import Tower, projector_from, without_projector
from medcli.models.loading import Placement, device_of, loading
from medcli.models.protocol import Description

if TYPE_CHECKING:
    from medcli.models.protocol import ModelSpec
    from medcli.models.spliced import Spliced

V15, V10 = "llava-med-v1.5", "llava-med-v1.0"

KEYS_V15 = {
    r"^model\.mm_projector\.0\.": "model.multi_modal_projector.linear_1.",
    r"^model\.mm_projector\.2\.": "model.multi_modal_projector.linear_2.",
    r"^model\.vision_tower\.vision_tower\.(vision_model\.)?": "model.vision_tower.",
    r"^model\.(?!vision_tower\.|multi_modal_projector\.|mm_projector\.)": "model.language_model.",
}
"""How tensor names of v1.5 become those of transformers' Llava."""

_OWN = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "tie_word_embeddings",
    "attention_dropout",
    "attention_bias",
    "mlp_bias",
    "head_dim",
    "sliding_window",
]


def version(settings: dict[str, Any]) -> str:
    """Which LLaVA-Med a config.json is of; empty for neither."""
    kind = settings.get("model_type")
    if kind == "llava_mistral":
        return V15
    if (
        kind == "llava"
        and "text_config" not in settings
        and ("mm_vision_tower" in settings or "hidden_size" in settings)
    ):
        return V10
    return ""


def load(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> Spliced:
    """Load a checkpoint in one of the two original layouts.

    Raises
    ------
    SetupError
        If it is broken, or its tower is nowhere.
    """
    if spec.base and version(settings) == V15:
        raise UsageError("--base is for delta weights (LLaVA-Med v1.0); this model is v1.5.")
    return (
        _load_v15(spec, folder, settings) if version(settings) == V15 else _load_v10(spec, folder, settings)
    )


def text_config(settings: dict[str, Any], kind: type) -> Any:
    """The language model's config for transformers, out of the flat original."""
    own = {name: settings[name] for name in _OWN if name in settings}
    rope = {"rope_type": "default", "rope_theta": float(settings.get("rope_theta", 10000.0))}
    rope |= settings.get("rope_scaling") or {}
    return kind(**own, rope_parameters=rope)


def _load_v15(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> Spliced:
    from transformers import LlavaConfig, LlavaForConditionalGeneration, MistralConfig

    names = checkpoint.names(folder)
    inside = any(name.startswith("model.vision_tower.") for name in names)
    if spec.vision_weights == "checkpoint" and not inside:
        raise UsageError(
            "The checkpoint holds no vision tower.", hint="Say --vision-weights config, or leave it out."
        )
    own = inside and spec.vision_weights != "config"
    placement = Placement.of(spec, settings)
    tower = Tower(settings, folder, weights=not own)
    text = text_config(settings, MistralConfig)
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=text,
        image_token_index=text.vocab_size,
        image_seq_length=(tower.clip.crop // tower.config.patch_size) ** 2,
        vision_feature_layer=int(settings.get("mm_vision_select_layer", -2)),
    )
    native = {"model.mm_projector.0.weight", "model.mm_projector.2.weight"} == {
        name for name in names if name.startswith("model.mm_projector.") and name.endswith("weight")
    }
    with loading():
        model, report = LlavaForConditionalGeneration.from_pretrained(
            folder, config=config, key_mapping=KEYS_V15, output_loading_info=True, **placement.arguments
        )
    checkpoint.check_loaded(
        report,
        may_lack=lambda name: (not own and ".vision_tower." in name) or (not native and "projector" in name),
    )
    if not native:
        projected = dict(checkpoint.tensors(folder, lambda name: "mm_projector" in name))
        placed = device_of(model.get_input_embeddings())
        model.model.multi_modal_projector = projector_from(projected, placement.dtype).to(placed)
    if not own:
        model.model.vision_tower = tower.load(placement).to(device_of(model.model.vision_tower))
    model = placement.finish(model)
    used = "checkpoint" if own else "config"
    note = {
        "checkpoint": "The vision tower's weights are the checkpoint's own (--vision-weights config takes the named ones).",
        "config": "The vision tower's weights are those that the model's config names.",
    }[used]
    tokens = llama_tokens.load(folder)
    template = _template(spec, "mistral_instruct")
    about = _about(
        spec, model, tower, settings, family=V15, template=template.name, vision_weights=used, notes=(note,)
    )
    return LlavaMed15(
        model,
        model.model.vision_tower,
        model.model.multi_modal_projector,
        tokens=tokens,
        template=template,
        clip=tower.clip,
        settings=settings,
        about=about,
    )


def _load_v10(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> Spliced:
    from transformers import LlamaConfig, LlamaForCausalLM

    placement = Placement.of(spec, settings)
    tower = Tower(settings, folder, weights=True)
    config = text_config(settings, LlamaConfig)
    source: dict[str, Any] = {"pretrained_model_name_or_path": folder}
    if spec.base:
        whole = checkpoint.with_base(folder, checkpoint.locate(spec.base), placement.dtype)
        projected = {name: whole[name] for name in whole if "mm_projector" in name}
        source = {"pretrained_model_name_or_path": None, "state_dict": without_projector(whole)}
    else:
        projected = dict(checkpoint.tensors(folder, lambda name: "mm_projector" in name))
    with loading():
        model, report = LlamaForCausalLM.from_pretrained(
            **source, config=config, output_loading_info=True, **placement.arguments
        )
    checkpoint.check_loaded(report)
    model = placement.finish(model)
    device = device_of(model.get_input_embeddings())
    tokens = llama_tokens.load(folder)
    template = _template(spec, "simple")
    return LlavaMed10(
        model,
        tower.load(placement).to(device),
        projector_from(projected, placement.dtype).to(device),
        tokens=tokens,
        template=template,
        clip=tower.clip,
        settings=settings | {"image_aspect_ratio": "crop", "tokenizer_model_max_length": 0},
        about=_about(
            spec, model, tower, settings, family=V10, template=template.name, vision_weights="config"
        ),
    )


def _template(spec: ModelSpec, own: str) -> templates.Template:
    if spec.template == templates.CHAT:
        raise UsageError(
            "This model has no chat template of its own.", hint=f"Leave --template out: it takes {own}."
        )
    return templates.named(own if spec.template == "auto" else spec.template)


def _about(
    spec: ModelSpec,
    model: Any,
    tower: Tower,
    settings: dict[str, Any],
    *,
    family: str,
    template: str,
    vision_weights: str,
    notes: tuple[str, ...] = (),
) -> Description:
    text = model.config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Description(
        model_id=model_id(spec.model),
        family=family,
        template=template,
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        image_processor=tower.clip.name
        + (f"-pad-{spec.padding}" if settings.get("image_aspect_ratio") == "pad" else ""),
        attention=str(getattr(text, "_attn_implementation", "") or ""),
        vision_weights=vision_weights,
        image_tokens=(tower.clip.crop // int(tower.config.patch_size)) ** 2,
        context=int(text.max_position_embeddings),
        bytes_per_token=2 * text.num_hidden_layers * heads * width * next(model.parameters()).element_size(),
        parameters=sum(one.numel() for one in model.parameters()),
        notes=notes,
    )


def model_id(model: str) -> str:
    """A model's name in answers, as LLaVA-Med writes it: the last part; with its parent for ``checkpoint-N``."""
    parts = [part for part in model.replace("\\", "/").split("/") if part]
    if len(parts) > 1 and parts[-1].startswith("checkpoint-"):
        return f"{parts[-2]}_{parts[-1]}"
    return parts[-1] if parts else model
