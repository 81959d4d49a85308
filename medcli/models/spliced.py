"""A language model that takes pictures as embeddings in its input: what both LLaVA-Med versions share.

Knows how features are spliced between embedded tokens; refuses to know checkpoints and prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medcli.errors import ItemFailed
from medcli.imaging import UNREADABLE, pixel_hash
from medcli.models.engine.draw import processors_of
from medcli.models.family import Prompt, Visual, left_padded, opened
from medcli.models.loading import device_of
from medcli.models.padding import pad_to_square

if TYPE_CHECKING:
    from torch import Tensor

    from medcli.models.llama_tokens import Tokens
    from medcli.models.padding import Clip
    from medcli.models.protocol import Description, Picture, Request
    from medcli.models.templates import Template

TOO_LONG = "prompt-too-long"
_LARGEST = 1 << 26


class Spliced:
    """Tokens, a tower, a projector and a language model.

    Parameters
    ----------
    model : torch.nn.Module
        Takes ``inputs_embeds``; ``generate`` is called on it.
    tower, projector : torch.nn.Module
        Pictures to hidden states, and hidden states to embeddings.
    tokens : Tokens
        The tokenizer.
    template : Template
        How turns are laid out.
    clip : Clip
        How pictures are prepared.
    settings : dict
        The checkpoint's config.json.
    about : Description
        What was loaded.
    """

    out_prefix: tuple[int, ...] = ()

    def __init__(
        self,
        model: Any,
        tower: Any,
        projector: Any,
        *,
        tokens: Tokens,
        template: Template,
        clip: Clip,
        settings: dict[str, Any],
        about: Description,
    ) -> None:
        self.model, self.tower, self.projector = model, tower, projector
        self.tokens, self.template, self.clip, self.settings, self.about = (
            tokens,
            template,
            clip,
            settings,
            about,
        )
        self.ends = frozenset({tokens.eos})
        self.pad = 0
        self.stop = template.stop
        self.window = int(getattr(model.config.get_text_config(), "sliding_window", None) or 0)
        asked, enough = processors_of(model.generation_config)
        self.processors: list[Any] = []
        self.reuses = self.features = enough and not asked
        self.vocabulary = int(model.get_input_embeddings().weight.shape[0])
        self.layer = int(settings.get("mm_vision_select_layer", -2))
        self.whole_features = settings.get("mm_vision_select_feature", "patch") == "cls_patch"
        self.pads = settings.get("image_aspect_ratio") == "pad"
        side = clip.crop // int(tower.config.patch_size)
        self.patches = side * side + int(self.whole_features)

    def describe(self) -> Description:
        """What was loaded."""
        return self.about

    def see(self, picture: Picture) -> Visual:
        """Open and prepare a picture."""
        import torch

        image = opened(picture)
        if self.clip.size * max(image.size) ** 2 > _LARGEST * min(image.size):
            raise ItemFailed(
                UNREADABLE
            )  # a line rather than a picture: the resized one would not fit into memory
        square = pad_to_square(image, self.clip.mean, picture.extra) if self.pads else image
        pixels = torch.from_numpy(self.clip.pixels(square))
        return Visual(pixel_hash(square), {"pixel_values": pixels})

    def fit(self, prompt: Prompt) -> Prompt:
        """Cut a prompt to the length that the authors' program cuts embeddings to."""
        limit = int(self.settings.get("tokenizer_model_max_length") or 0)
        if limit and len(prompt.ids) > limit:
            if prompt.prefix > limit:
                raise ItemFailed(TOO_LONG)
            prompt.ids = prompt.ids[:limit]
        return prompt

    def encode(self, visuals: Sequence[Visual]) -> list[Tensor]:
        """Features (patches, width of the language model) of pictures, eight at a time."""
        features: list[Tensor] = []
        for at in range(0, len(visuals), 8):
            features.extend(self.project(self.look(visuals[at : at + 8])))
        return features

    def look(self, visuals: Sequence[Visual]) -> Tensor:
        """Hidden states (pictures, patches, width of the tower) of the chosen layer."""
        import torch

        pixels = torch.stack([one.tensors["pixel_values"] for one in visuals])
        pixels = pixels.to(device_of(self.tower), next(self.tower.parameters()).dtype)
        with torch.inference_mode():
            states: Tensor = self.tower(pixels, output_hidden_states=True).hidden_states[self.layer]
        return states if self.whole_features else states[:, 1:]

    def project(self, states: Tensor) -> Tensor:
        """Hidden states as embeddings."""
        import torch

        with torch.inference_mode():
            projected: Tensor = self.projector(states)
        return projected

    def embed(self, prompts: Sequence[Prompt], features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Embeddings (rows, longest, width) with features in place, padded left, and the mask."""
        ids, mask = left_padded([prompt.ids for prompt in prompts], self.pad)
        table = self.model.get_input_embeddings()
        embedded: Tensor = table(ids.to(device_of(table)))
        longest = ids.shape[1]
        for row, prompt in enumerate(prompts):
            shift = longest - len(prompt.ids)
            for visual, (start, length) in zip(prompt.visuals, prompt.places, strict=True):
                embedded[row, shift + start : shift + start + length] = features[visual.key].to(
                    embedded.device, embedded.dtype
                )
        return embedded, mask.to(embedded.device)

    def prefill(
        self, prompts: Sequence[Prompt], features: dict[str, Tensor], cache: Any, *, whole: bool
    ) -> tuple[Tensor, Tensor]:
        """Run embedded prompts; see :class:`medcli.models.family.Family`."""
        del whole  # one length or several: the mask says it
        import torch

        embedded, mask = self.embed(prompts, features)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._run(mask, positions, cache, inputs_embeds=embedded)
        return logits, torch.zeros(len(prompts), dtype=torch.long, device=logits.device)

    def forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Run text tokens on a cache."""
        return self._run(mask, positions, cache, input_ids=ids)

    def _run(self, mask: Tensor, positions: Tensor, cache: Any, **inputs: Any) -> Tensor:
        told = self.model(
            **inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = told.logits[:, -1].float()
        return logits

    def plain_inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """What ``generate`` takes: embeddings, each row's pictures encoded for itself."""
        found = {v.key: f for p in prompts for v, f in zip(p.visuals, self.encode(p.visuals), strict=True)}
        embedded, mask = self.embed(prompts, found)
        return {"inputs_embeds": embedded, "attention_mask": mask}

    def text(self, ids: Sequence[int]) -> str:
        """Ids to text, not trimmed."""
        return self.tokens.decode(ids)

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """Ids whose text stays as it is."""
        return self.tokens.settled(ids)

    def recorded_prompt(self, request: Request) -> str:
        """What goes into an answer's ``prompt``."""
        raise NotImplementedError

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Tokenise a request."""
        raise NotImplementedError

    def trim(self, text: str, form: str) -> str:
        """What the authors' programs make of the decoded text."""
        del form
        return self.template.trim(text)

    def stages(self, prompt: Prompt) -> dict[str, Any]:
        """Pixels, hidden states and features of the first picture."""
        if not prompt.visuals:
            return {}
        states = self.look(prompt.visuals[:1])
        return {
            "pixel_values": prompt.visuals[0].tensors["pixel_values"].float().cpu().numpy(),
            "vision": states[0].float().cpu().numpy(),
            "feats": self.project(states)[0].float().cpu().numpy(),
        }
