"""LLaVA-Med in transformers' own layout, so that vLLM and others load what its authors published.

Knows how the two original versions map onto ``LlavaForConditionalGeneration``, a processor and a chat template.
Refuses to know how a model answers: the engine does not use what is written here.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import InputError, SetupError, UsageError
from medcli.models import checkpoint, llama_tokens, llava_med
from medcli.models.family import IMAGE
from medcli.models.loading import loading

if TYPE_CHECKING:
    from medcli.models.protocol import ModelSpec
    from medcli.models.spliced import Spliced

# Texts are taken out of their parts, pictures come first: what the authors' program does with any question.
_TEXT = (
    "{% if m['content'] is string %}{{ m['content'] | replace('<image>', '') | trim }}{% else %}%s{% endif %}"
)
_PARTS = "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] | replace('<image>', '') | trim }}{% endfor %}"
_PICTURES = "{% if m['content'] is not string %}{% for c in m['content'] if c['type'] == 'image' %}%s{% endfor %}{% endif %}"
_LOOP = "{{ bos_token }}%s{%% for m in messages %%}%s{%% endfor %%}%s"


_README = """\
# {name}, in transformers' layout

Written by `medcli ask --export-hf`. `AutoProcessor` and `AutoModelForImageTextToText` load it; vLLM reads this
layout, too. The tokenizer and the chat template give the ids of LLaVA-Med's own program; a row of the vocabulary that stands for the
picture is never generated.

The processor of transformers differs from LLaVA-Med's own:

- Transparency: it blends transparent pixels with white, where the original drops the transparency. Hand over
  `image.convert("RGB")` to have the original's pixels.
{padding}- With torchvision installed, pictures are resized by torchvision, whose pixels differ a little from Pillow's.
"""
_PADDING = """\
- Grey pictures that are not square: it pads with the mean colour, where the original pads with a grey (114). Pad them
  first: `medcli.models.padding.pad_to_square(image, processor.image_processor.image_mean).convert("RGB")`.
"""


def export_hf(spec: ModelSpec, folder: Path) -> Path:
    """Write a LLaVA-Med checkpoint as transformers, vLLM and others load it.

    Parameters
    ----------
    spec : ModelSpec
        ``dtype`` ``auto`` keeps the narrowest numbers that lose nothing of what is stored.
    folder : Path
        New or empty.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If options make no sense here.
    SetupError
        If the model is none of LLaVA-Med's.
    InputError
        If the folder holds something.
    """
    if spec.quantize or spec.split or spec.backend != "transformers":
        raise UsageError("An export takes a whole model: leave --quantize, --split and --backend out.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("The folder for the export is not empty.", hint="Name a new one.")
    checkpoint.need("torch", "transformers", "PIL")
    source = checkpoint.locate(spec.model)
    settings = checkpoint.config(source)
    if not llava_med.version(settings):
        raise SetupError("Only LLaVA-Med's original layouts need an export; this model is in another one.")
    with loading():
        family = llava_med.load(
            replace(spec, device="cpu", dtype=_stored(spec, source, settings)), source, settings
        )
        is_v15 = llava_med.version(settings) == llava_med.V15
        model, place = (_v15 if is_v15 else _v10)(family)
        processor = _processor(family, source, place, chat_template(family, is_v15=is_v15))
        padding = _PADDING if family.pads else ""
        readme = _README.format(name=family.about.model_id, padding=padding)
        _save(model, processor, folder, readme)
    return folder


def chat_template(family: Spliced, *, is_v15: bool) -> str:
    """The model's own template, in Jinja."""
    own = family.template
    text = _TEXT.replace("%s", _PARTS)
    if not is_v15:  # an original JSONL row keeps what stands in its text
        text = text.replace(" | replace('<image>', '') | trim", "")
    pair = bool(family.settings.get("mm_use_im_start_end"))
    if is_v15:
        pictures = _PICTURES.replace("%s", f"<im_start>{IMAGE}<im_end>\n" if pair else f"{IMAGE}\n")
        question = pictures + text
    else:
        question = text + _PICTURES.replace(
            "%s", "\n<im_start><im_patch><im_end>" if pair else "\n<im_patch>"
        )
    turn = (
        "{% if m['role'] == 'user' %}"
        + own.user.replace("{}", question)
        + "{% elif m['role'] == 'assistant' %}"
        + own.assistant.replace("{}", text)
        + "{% endif %}"
    )
    cue = "{% if add_generation_prompt %}" + own.cue + "{% endif %}" if own.cue else ""
    return _LOOP % (own.system, turn, cue)


def _stored(spec: ModelSpec, source: Path, settings: dict[str, Any]) -> str:
    """The numbers to write: the stored ones if they are all of one kind, else float32."""
    if spec.dtype != "auto":
        return spec.dtype
    kinds = {str(one.dtype).removeprefix("torch.") for _, one in checkpoint.tensors(source)}
    tower = source / str(settings.get("mm_vision_tower", ""))
    if (tower / "config.json").is_file():
        kinds |= {str(one.dtype).removeprefix("torch.") for _, one in checkpoint.tensors(tower)}
    return kinds.pop() if len(kinds) == 1 else "float32"


def _v15(family: Spliced) -> tuple[Any, int]:
    """v1.5: one more row for the picture token, which nothing can generate."""
    import torch

    model = family.model
    place = int(model.get_input_embeddings().weight.shape[0])
    projector = model.model.multi_modal_projector
    if not hasattr(projector, "linear_1"):
        model.model.multi_modal_projector = _one_layer(projector)
        model.config.projector_hidden_act = "linear"
    model.resize_token_embeddings(place + 1, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[place] = 0
        model.get_output_embeddings().weight[place] = model.get_output_embeddings().weight[0]
    model.config.image_token_id = place
    model.config.vision_feature_select_strategy = "full" if family.whole_features else "default"
    model.generation_config.suppress_tokens = [place]
    clean = _shell(model.config)  # the loaded one would be saved under the names that it was loaded by
    clean.model, clean.lm_head, clean.generation_config = model.model, model.lm_head, model.generation_config
    return clean, place


def _v10(family: Spliced) -> tuple[Any, int]:
    """v1.0: a projector of one linear layer, nothing, and one layer that changes nothing."""
    from transformers import LlavaConfig

    place = family.tokens.id_of("<im_patch>")
    if place is None:
        raise SetupError("The model's tokenizer lacks the picture tokens that its config asks for.")
    config = LlavaConfig(
        vision_config=family.tower.config,
        text_config=family.model.config,
        image_token_index=place,
        image_seq_length=family.patches,
        vision_feature_layer=family.layer,
        vision_feature_select_strategy="full" if family.whole_features else "default",
        projector_hidden_act="linear",
    )
    model = _shell(config)
    model.model.vision_tower = family.tower
    model.model.language_model = family.model.model
    model.lm_head = family.model.lm_head
    model.model.multi_modal_projector = _one_layer(family.projector)
    model.generation_config = family.model.generation_config
    ends = {family.tokens.eos, *(_stop_tokens(family))}
    model.generation_config.eos_token_id = sorted(ends)
    model.config.dtype = family.model.dtype
    return model, place


def _shell(config: Any) -> Any:
    """A model without weights."""
    import torch
    from transformers import LlavaForConditionalGeneration

    with torch.device("meta"):
        return LlavaForConditionalGeneration(config)


def _stop_tokens(family: Spliced) -> list[int]:
    """Tokens that are the stop text by themselves; generation ends with them where the authors' program would."""
    if not family.stop:
        return []
    found = []
    for text in (family.stop, f"x{family.stop}"):
        ids = family.tokens.encode(text)
        if family.tokens.decode(ids[-1:]).strip() == family.stop:
            found.append(ids[-1])
    return found


def _one_layer(projector: Any) -> Any:
    import torch

    layers = [one for one in projector if isinstance(one, torch.nn.Linear)]
    if len(layers) != 1:
        raise SetupError("A projector of this many layers has no place in transformers' Llava.")
    width = layers[0].out_features
    made = torch.nn.Module()
    made.linear_1 = layers[0]
    made.linear_2 = torch.nn.Linear(width, width, dtype=layers[0].weight.dtype)
    with torch.no_grad():
        made.linear_2.weight.copy_(torch.eye(width))
        made.linear_2.bias.zero_()
        if made.linear_1.bias is None:
            made.linear_1.bias = torch.nn.Parameter(torch.zeros(width, dtype=layers[0].weight.dtype))
    return made


def _processor(family: Spliced, source: Path, place: int, template: str) -> Any:
    from transformers import LlavaProcessor

    image = family.tokens.id_of("<im_patch>")
    token = "<im_patch>" if image == place else IMAGE
    clip = family.clip
    settings = {
        "size": {"shortest_edge": clip.size},
        "crop_size": {"height": clip.crop, "width": clip.crop},
        "image_mean": list(clip.mean),
        "image_std": list(clip.std),
        "resample": clip.resample,
    }
    kinds = _image_processors(pads=family.pads)
    return LlavaProcessor(
        image_processor=kinds(**settings, **({"do_pad": True} if family.pads else {})),
        tokenizer=_tokenizer(source, family, place),
        patch_size=int(family.tower.config.patch_size),
        vision_feature_select_strategy="full" if family.whole_features else "default",
        num_additional_image_tokens=1,
        image_token=token,
        chat_template=template,
    )


def _image_processors(*, pads: bool) -> Any:
    import transformers

    return transformers.LlavaImageProcessor if pads else transformers.CLIPImageProcessor


def _tokenizer(source: Path, family: Spliced, place: int) -> Any:
    """The tokenizer, which gives each stretch between special tokens its own space, as the authors' does."""
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers, processors
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if (source / "tokenizer.json").is_file():
        raw = Tokenizer.from_file(str(source / "tokenizer.json"))
    else:
        raw = Tokenizer(AutoTokenizer.from_pretrained(source).backend_tokenizer.model)
        raw.add_special_tokens([AddedToken(one, normalized=False) for one in ("<unk>", "<s>", "</s>")])
        added, flags = llama_tokens.added(source)
        for token, number in sorted(added.items(), key=lambda one: one[1]):
            if number >= raw.get_vocab_size():
                left, right = flags[token]
                raw.add_special_tokens([AddedToken(token, lstrip=left, rstrip=right, normalized=False)])
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    raw.pre_tokenizer = None
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", family.tokens.bos)]
    )
    raw.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    if (
        family.stop and raw.token_to_id(f"\u2581{family.stop}") is not None
    ):  # no text holds it, so only decoding changes
        raw.add_special_tokens([AddedToken(f"\u2581{family.stop}", normalized=False)])
    if raw.token_to_id("<im_patch>") != place:
        while raw.get_vocab_size() < place:  # rows that the checkpoint has and its tokenizer does not name
            raw.add_special_tokens([AddedToken(f"<unused{raw.get_vocab_size()}>", normalized=False)])
        raw.add_special_tokens([AddedToken(IMAGE, normalized=False)])
    length = int(family.settings.get("tokenizer_model_max_length") or 0) or family.about.context
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        padding_side="left",
        model_max_length=length,
        clean_up_tokenization_spaces=False,
        **special,
    )


def _save(model: Any, processor: Any, folder: Path, readme: str) -> None:
    """Write beside the folder first, so that a broken export is none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        model.save_pretrained(partial)
        processor.save_pretrained(partial)
        (partial / "README.md").write_text(readme, encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
