"""Any model of transformers that takes pictures and text and brings a chat template.

Knows transformers' processors and what differs between models on the way to one cache: token types, picture tensors,
three-dimensional positions. Refuses to know any model by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import ItemFailed, SetupError
from medcli.imaging import pixel_hash
from medcli.models import templates
from medcli.models.engine.draw import processors_of
from medcli.models.family import Prompt, Visual, cleaned, last_user, left_padded, opened
from medcli.models.language import language_model
from medcli.models.llava_med import model_id
from medcli.models.loading import device_of
from medcli.models.processors import Remembering
from medcli.models.protocol import Description

if TYPE_CHECKING:
    from torch import Tensor

    from medcli.models.protocol import ModelSpec, Picture, Request

NO_PICTURES = "model-takes-no-pictures"
DIFFER = "pictures-and-places-differ"
_CACHED_LAYERS = {"full_attention", "sliding_attention"}


def load(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> Chat:
    """Load a model, its processor and its chat template.

    Raises
    ------
    SetupError
        If it is broken, of an unknown architecture, or has no chat template and none was chosen.
    """
    model, processor = language_model(spec, folder, settings)
    template = None if spec.template in ("auto", templates.CHAT) else templates.named(spec.template)
    tokenizer = getattr(processor, "tokenizer", processor)
    if template is None and not (getattr(processor, "chat_template", None) or tokenizer.chat_template):
        raise SetupError(
            "The model has no chat template.", hint="Name one, as --template vicuna_v1 or --template plain."
        )
    return Chat(model, processor, template, spec)


class Chat:
    """A model, its processor, and a template or None for the model's own."""

    out_prefix: tuple[int, ...] = ()

    def __init__(
        self, model: Any, processor: Any, template: templates.Template | None, spec: ModelSpec
    ) -> None:
        self.model, self.processor, self.template = model, processor, template
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.sees = getattr(processor, "image_processor", None) is not None
        if self.sees:
            self._memory = Remembering(processor.image_processor)
            processor.image_processor = self._memory
        config, text = model.config, model.config.get_text_config()
        self.place = getattr(config, "image_token_id", None)
        self.three = hasattr(getattr(model, "model", None), "get_rope_index")
        generation = model.generation_config
        ends = generation.eos_token_id
        ends = [ends] if isinstance(ends, int) else ends
        self.ends = frozenset(ends or [self.tokenizer.eos_token_id])
        pads = (generation.pad_token_id, self.tokenizer.pad_token_id, min(self.ends))
        self.pad = int(next(one for one in pads if one is not None))
        self.stop = template.stop if template else ""
        self.vocabulary = 1 << 62
        layers = set(getattr(text, "layer_types", None) or ["full_attention"])
        self.window = int(getattr(text, "sliding_window", None) or 0) if "sliding_attention" in layers else 0
        self.processors, enough = processors_of(generation)
        caches = layers <= _CACHED_LAYERS and not getattr(text, "num_kv_shared_layers", 0)
        self.features = enough and caches
        self.reuses = self.features and self.place is not None
        self.about = self._about(spec, text)

    def describe(self) -> Description:
        """What was loaded."""
        return self.about

    def _about(self, spec: ModelSpec, text: Any) -> Description:
        weight = next(self.model.parameters())
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return Description(
            model_id=model_id(spec.model),
            family="chat",
            template=self.template.name if self.template else templates.CHAT,
            dtype=str(weight.dtype).removeprefix("torch."),
            image_processor=self._memory.name if self.sees else "",
            attention=str(getattr(text, "_attn_implementation", "") or ""),
            image_tokens=next(
                (
                    int(found)
                    for name in ("mm_tokens_per_image", "image_seq_length")
                    if (found := getattr(self.model.config, name, None))
                ),
                0,
            ),
            context=int(getattr(text, "max_position_embeddings", 0) or 0),
            bytes_per_token=2 * text.num_hidden_layers * heads * width * weight.element_size(),
            parameters=sum(one.numel() for one in self.model.parameters()),
        )

    def recorded_prompt(self, request: Request) -> str:
        """The question without the picture token, stripped."""
        return cleaned(last_user(request.turns))

    def see(self, picture: Picture) -> Visual:
        """Open a picture as RGB; transparency is dropped."""
        image = opened(picture).convert("RGB")
        return Visual(pixel_hash(image), {"image": image})

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Lay out, tokenise and let the processor put in the pictures' tokens."""
        if visuals and not self.sees:
            raise ItemFailed(NO_PICTURES)
        return self.tokenised(self._laid_out(request, len(visuals)), visuals)

    def tokenised(self, text: str, visuals: Sequence[Visual]) -> Prompt:
        """Tokenise what is laid out."""
        bos = self.tokenizer.bos_token
        more = {"add_special_tokens": False} if bos and text.startswith(bos) else {}
        if visuals:
            images = [one.tensors["image"] for one in visuals]
            made = dict(self.processor(text=[text], images=[images], return_tensors="pt", **more))
        else:
            made = dict(self.tokenizer([text], return_tensors="pt", **more))
        ids = made.pop("input_ids")[0].tolist()
        made.pop("attention_mask", None)
        own = {name: one for name, one in made.items() if tuple(one.shape) == (1, len(ids))}
        extra = {name: one[0].tolist() for name, one in own.items()} if visuals else {}
        inputs = {name: one for name, one in made.items() if name not in own}
        places = _runs(ids, self.place) if visuals else ()
        if self.place is not None and not _match(ids, self.place, len(visuals), len(places), inputs):
            raise ItemFailed(DIFFER)
        prefix = sum(places[-1]) if places else 0
        return Prompt(ids, prefix, tuple(visuals), places, ids, extra, inputs)

    def _laid_out(self, request: Request, pictures: int) -> str:
        turns: list[tuple[str, str]] = [(role, self._without_places(text)) for role, text in request.turns]
        first = next(at for at, (role, _) in enumerate(turns) if role == "user")
        if self.template is not None:
            token = getattr(self.processor, "boi_token", None) or getattr(self.processor, "image_token", "")
            turns[first] = ("user", f"{token}\n" * pictures + turns[first][1])
            return self.template.render(turns)
        messages: list[dict[str, Any]] = []
        for at, (role, text) in enumerate(turns):
            content: Any = [{"type": "text", "text": text}]
            if at == first:
                content = [{"type": "image"}] * pictures + content
            messages.append({"role": role, "content": content if self.sees else text})
        laid: str = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return laid

    def _without_places(self, text: str) -> str:
        """A text that cannot be taken for a picture: without the tokens that stand for one."""
        for name in ("image_token", "boi_token", "eoi_token", "video_token"):
            token = getattr(self.processor, name, None)
            text = text.replace(token, "") if isinstance(token, str) and token else text
        return cleaned(text)

    def encode(self, visuals: Sequence[Visual]) -> list[Any]:
        """Nothing: a model encodes a row's pictures together, in :meth:`prefill`."""
        return [None] * len(visuals)

    def prefill(
        self, prompts: Sequence[Prompt], features: Any, cache: Any, *, whole: bool
    ) -> tuple[Tensor, Tensor]:
        """Run prompts with their pictures; see :class:`medcli.models.family.Family`."""
        del features
        import torch

        inputs = self._padded(prompts)
        mask = inputs["attention_mask"]
        seen = any(prompt.inputs for prompt in prompts)
        if whole and seen:
            inputs |= self._encoded(prompts)
        elif seen:
            inputs |= self._pictures(prompts)
        if not (self.three and seen):
            inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._run(inputs, cache)
        shift = torch.zeros(len(prompts), dtype=torch.long, device=logits.device)
        if self.three and seen:
            shift = self.model.model.rope_deltas.reshape(-1).to(logits.device)
        return logits, shift

    def _encoded(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Features, computed once for each different set of pictures, in the form that the model takes them in."""
        import inspect

        import torch

        if "mm_encoder_outputs" not in inspect.signature(self.model.forward).parameters:
            raise NotImplementedError("features cannot be handed over")
        sets: dict[tuple[str, ...], Prompt] = {}
        for prompt in prompts:
            sets.setdefault(tuple(one.key for one in prompt.visuals), prompt)
        made = self.model.get_image_features(**self._pictures(list(sets.values())), return_dict=True)
        if getattr(made, "deepstack_features", None) is not None:
            raise NotImplementedError("features of several layers")
        features = made.pooler_output
        listed = not isinstance(features, torch.Tensor)
        flat = torch.cat([one.flatten(0, -2) for one in features]) if listed else features.flatten(0, -2)
        taken = [sum(length for _, length in prompt.places) for prompt in sets.values()]
        if sum(taken) != len(flat):
            raise NotImplementedError("features are not one a place")
        parts = dict(zip(sets, flat.split(taken), strict=True))
        rows = [parts[tuple(one.key for one in prompt.visuals)] for prompt in prompts]
        made.pooler_output = rows if listed else torch.cat(rows)
        grids = {name: one for name, one in self._pictures(prompts).items() if "grid" in name}
        return {"mm_encoder_outputs": {"image": made}, **grids}

    def _pictures(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Picture tensors of several rows, one after the other."""
        import torch

        names = {name for prompt in prompts for name in prompt.inputs}
        device = device_of(self.model.get_input_embeddings())
        joined = {
            name: torch.cat([prompt.inputs[name] for prompt in prompts if name in prompt.inputs])
            for name in sorted(names)
        }
        return {
            name: one.to(device, self.model.dtype if one.is_floating_point() else one.dtype)
            for name, one in joined.items()
        }

    def _padded(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        device = device_of(self.model.get_input_embeddings())
        ids, mask = left_padded([prompt.ids for prompt in prompts], self.pad)
        names = {name for prompt in prompts for name in prompt.extra}
        more = {
            name: left_padded([p.extra.get(name, [0] * len(p.ids)) for p in prompts], 0)[0] for name in names
        }
        inputs = {"input_ids": ids, "attention_mask": mask, **more}
        return {name: one.to(device) for name, one in inputs.items()}

    def forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Run text tokens on a cache."""
        return self._run({"input_ids": ids, "attention_mask": mask, "position_ids": positions}, cache)

    def _run(self, inputs: dict[str, Any], cache: Any) -> Tensor:
        told = self.model(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: Tensor = told.logits[:, -1].float()
        return logits

    def plain_inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """What ``generate`` takes, as the processor made it."""
        return self._padded(prompts) | self._pictures(prompts)

    def text(self, ids: Sequence[int]) -> str:
        """Ids to text, not trimmed."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """All ids: an unfinished character shows as U+FFFD at the end, which is held back anyway."""
        return ids

    def trim(self, text: str, form: str) -> str:
        """Strip, and cut at a chosen template's stop text."""
        del form
        return self.template.trim(text) if self.template else text.strip()

    def stages(self, prompt: Prompt) -> dict[str, Any]:
        """Pixels and features of the first picture, where the model has such a stage."""
        if not prompt.inputs:
            return {}
        import torch

        pictures = self._pictures([prompt])
        stages = {}
        if "pixel_values" in pictures:
            pixels = pictures["pixel_values"].float().cpu().numpy()
            stages["pixel_values"] = pixels[0] if pixels.ndim == 4 else pixels
        if hasattr(self.model, "get_image_features"):
            with torch.inference_mode():
                made = self.model.get_image_features(**pictures, return_dict=True)
            stages["feats"] = made.pooler_output[0].float().cpu().numpy()
        return stages


def _match(ids: Sequence[int], place: int, pictures: int, runs: int, inputs: dict[str, Any]) -> bool:
    """Whether there are places for all pictures and pictures for all places; a picture may be cut into tiles.

    transformers compares the numbers of places and features only where it is given pictures: places without any are
    answered, and wrongly.
    """
    return runs >= pictures and bool(inputs) if pictures else place not in ids


def _runs(ids: Sequence[int], place: int | None) -> tuple[tuple[int, int], ...]:
    """Runs of one token: where each begins, and how long it is."""
    runs: list[tuple[int, int]] = []
    for at, one in enumerate(ids):
        if one == place:
            if runs and sum(runs[-1]) == at:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((at, 1))
    return tuple(runs)
