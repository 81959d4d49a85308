"""What LLaVA-Med's two programs make of a question: text, ids, and what is left of an answer.

Knows pictures' places in the prompt, as described from the behaviour of the originals; refuses to know checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medcli.errors import SetupError
from medcli.models.family import IMAGE, PLACE, Prompt, Visual, cleaned, last_user, with_first_user
from medcli.models.spliced import Spliced

if TYPE_CHECKING:
    from medcli.models.protocol import Request


class LlavaMed15(Spliced):
    """v1.5: pictures before the question, the prompt tokenised in stretches between pictures."""

    out_prefix = (1,)

    def recorded_prompt(self, request: Request) -> str:
        """The question without the picture token, stripped."""
        return cleaned(last_user(request.turns))

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Ids of the template around ``<image>``, a line feed and the question."""
        mark = f"<im_start>{IMAGE}<im_end>" if self.settings.get("mm_use_im_start_end") else IMAGE
        head = (mark + "\n") * len(visuals)
        turns = with_first_user(request.turns, lambda text: head + cleaned(text))
        stretches = self.template.render(turns).split(IMAGE)
        ids, recorded = [self.tokens.bos], [self.tokens.bos]
        places: list[tuple[int, int]] = []
        for number, stretch in enumerate(stretches):
            if number:
                places.append((len(ids), self.patches))
                ids += [self.pad] * self.patches
                recorded.append(PLACE)
            text = self.tokens.encode(stretch)
            ids += text
            recorded += text
        prefix = sum(places[-1]) if places else 0
        return self.fit(Prompt(ids, prefix, tuple(visuals), tuple(places), recorded))


class LlavaMed10(Spliced):
    """v1.0: patch tokens after the question, replaced in place."""

    def recorded_prompt(self, request: Request) -> str:
        """The untouched text of a JSONL row; else the clean question and, with a picture, its token after it."""
        text = last_user(request.turns)
        if request.form == "jsonl":
            return text
        return cleaned(text) + ("\n" + IMAGE if request.pictures else "")

    def trim(self, text: str, form: str) -> str:
        """Cut at the stop text; the JSONL program strips echoed roles, the one for VQA files leaves them."""
        return self.template.trim(text, echoes=form == "jsonl")

    def prepare(self, request: Request, visuals: Sequence[Visual]) -> Prompt:
        """Ids of the whole prompt; a JSONL row keeps the ``<image>`` that stands in its text, as the authors do."""
        run = "<im_patch>" * self.patches
        mark = f"<im_start>{run}<im_end>" if self.settings.get("mm_use_im_start_end") else run
        tail = ("\n" + mark) * len(visuals)
        turns = with_first_user(
            request.turns, lambda text: (text if request.form == "jsonl" else cleaned(text)) + tail
        )
        ids = [self.tokens.bos, *self.tokens.encode(self.template.render(turns))]
        places = _runs(ids, self.tokens.id_of("<im_patch>"), self.patches)[: len(visuals)]
        if len(places) != len(visuals):
            raise SetupError("The model's tokenizer lacks the picture tokens that its config asks for.")
        prefix = sum(places[-1]) if places else 0
        return Prompt(ids, prefix, tuple(visuals), tuple(places), ids)


def _runs(ids: list[int], patch: int | None, length: int) -> list[tuple[int, int]]:
    """Where runs of patch tokens begin."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(ids):
        if ids[at] == patch and ids[at : at + length] == [patch] * length:
            found.append((at, length))
            at += length
        else:
            at += 1
    return found
