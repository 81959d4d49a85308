"""A captioner and a language model that sees nothing: the picture becomes words, the words stand in the prompt.

Knows captioners (GIT and its like) and chart readers (Pix2Struct, DePlot), and the two shapes of an instruction: with
and without input. Refuses to know who decides what a chart is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.models import checkpoint, templates
from medcli.models.chat import Chat
from medcli.models.family import Prompt, Visual, cleaned, last_user
from medcli.models.language import language_model
from medcli.models.loading import Placement, loading
from medcli.models.protocol import Picture

if TYPE_CHECKING:
    from medcli.models.protocol import ModelSpec, Request

CHART = "chart"
_CHART_ORDER = "Generate underlying data table of the figure below:"  # what DePlot was trained with
_CAPTION_TOKENS = 64
_TABLE_TOKENS = 512


def load(spec: ModelSpec, folder: Path, settings: dict[str, Any]) -> Captioned:
    """Load a text-only model and one or both of its eyes."""
    model, processor = language_model(spec, folder, settings)
    scan = _Captioner(spec.captioner, spec) if spec.captioner else None
    chart = _ChartReader(spec.captioner_chart, spec) if spec.captioner_chart else None
    name = spec.template if spec.template != "auto" else "alpaca"
    template = None if name == templates.CHAT else templates.named(name)
    return Captioned(model, processor, template, spec, scan=scan, chart=chart)


class Captioned(Chat):
    """A language model whose prompts hold captions."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        template: templates.Template | None,
        spec: ModelSpec,
        *,
        scan: _Captioner | None,
        chart: _ChartReader | None,
    ) -> None:
        super().__init__(model, processor, template, spec)
        self.scan, self.chart = scan, chart
        self._captions: dict[tuple[str, str], str] = {}
        eyes = [f"{one.model_id} for {what}" for one, what in ((scan, "scans"), (chart, "charts")) if one]
        other = "charts too" if chart is None else "scans too" if scan is None else ""
        note = f"Pictures are put into words by {' and '.join(eyes)}{f' ({other})' if other else ''}; "
        note += "a picture of unknown kind counts as a scan."
        self.about = replace(self.about, family="captioned", notes=(note,))

    def see(self, picture: Picture) -> Visual:
        """Open a picture as RGB."""
        seen = super().see(picture)
        seen.tensors["kind"] = picture.kind
        return seen

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Put the pictures into words, and lay out the instruction with them as its input."""
        captions = [self._caption(one) for one in visuals]
        question = cleaned(last_user(request.turns))
        if self.template is not None and self.template.name == "alpaca":
            shape = templates.ALPACA_WITH_INPUT if captions else templates.ALPACA_PLAIN
            earlier = "".join(f"{text}\n\n" for _, text in request.turns[:-1])
            text = shape.replace("{instruction}", earlier + question).replace("{input}", "\n".join(captions))
            return self.tokenised(text, ())
        asked = "\n".join([*captions, question])
        turns = (*request.turns[:-1], (request.turns[-1][0], asked))
        return super().prepare(replace(request, turns=turns, pictures=()), ())

    def _caption(self, visual: Visual) -> str:
        kind = visual.tensors["kind"]
        reads_chart = self.chart is not None and (kind == CHART or self.scan is None)
        key = (visual.key, CHART if reads_chart else "scan")
        if key not in self._captions:
            eye = self.chart if reads_chart else self.scan
            assert eye is not None
            self._captions[key] = eye.describe(visual.tensors["image"])
        return self._captions[key]


class _Eye:
    """A model that turns a picture into words."""

    def __init__(self, name: str, spec: ModelSpec) -> None:
        from transformers import AutoProcessor

        folder = checkpoint.locate(name)
        settings = checkpoint.config(folder)
        placement = Placement.of(replace(spec, quantize="", adapter="", split=False), settings)
        self.model_id = Path(name).name
        with loading():
            self.processor = AutoProcessor.from_pretrained(folder)
            model, report = self.kind().from_pretrained(
                folder, output_loading_info=True, **placement.arguments
            )
        checkpoint.check_loaded(report)
        self.model = placement.finish(model)

    def kind(self) -> Any:
        raise NotImplementedError

    def inputs(self, image: Any) -> Any:
        raise NotImplementedError

    tokens = _CAPTION_TOKENS

    def describe(self, image: Any) -> str:
        """One line for a picture; greedy."""
        import torch

        made = {
            name: one.to(self.model.device, self.model.dtype if one.is_floating_point() else one.dtype)
            for name, one in self.inputs(image).items()
        }
        with torch.inference_mode():
            told = self.model.generate(**made, do_sample=False, num_beams=1, max_new_tokens=self.tokens)
        text: str = self.processor.batch_decode(told, skip_special_tokens=True)[0]
        return text.replace("<0x0A>", "\n").strip()


class _Captioner(_Eye):
    def kind(self) -> Any:
        from transformers import AutoModelForImageTextToText

        return AutoModelForImageTextToText

    def inputs(self, image: Any) -> Any:
        return self.processor(images=image, return_tensors="pt")


class _ChartReader(_Eye):
    tokens = _TABLE_TOKENS
    _has_font = False

    def kind(self) -> Any:
        from transformers import Pix2StructForConditionalGeneration

        return Pix2StructForConditionalGeneration

    def inputs(self, image: Any) -> Any:
        pictures = self.processor.image_processor
        drawn = {"header_text": _CHART_ORDER} if pictures.is_vqa else {}
        if drawn and not self._has_font:
            _give_font(pictures)
            self._has_font = True
        return pictures(images=[image], return_tensors="pt", **drawn)


def _give_font(pictures: Any) -> None:
    """Let a processor draw its order with Pillow's own font: it would download one, and takes none as an option."""
    from PIL import ImageFont

    font: bytes = ImageFont.load_default(size=36).font_bytes
    render = pictures.render_header

    def render_header(image: Any, header: str, **_: Any) -> Any:
        return render(image, header, font_bytes=font)

    pictures.render_header = render_header
