"""Prompt templates, as named data, and how turns become text.

Knows separators and roles; refuses to know tokenizers. ``{image}`` never stands here: where the pictures' tokens go
is the model family's business, which puts them into the first question before it is laid out.

The Vicuna wordings are those of FastChat (Apache-2.0), the Alpaca ones those of Stanford Alpaca (Apache-2.0): models
were trained on them word for word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medcli.errors import UsageError

CHAT = "chat-template"

_POLITE = (
    "A chat between a curious {} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {}'s questions."
)


@dataclass(frozen=True, slots=True)
class Template:
    """How turns are laid out.

    Attributes
    ----------
    name : str
        What ``--template`` calls it.
    system : str
        Stands before all turns.
    user, assistant : str
        A turn each, with ``{}`` for its text.
    cue : str
        What follows the last question and makes the model answer.
    stop : str
        A text that ends the answer beside the end token; empty for none.
    echoes : tuple of str
        What the authors' program strips from the front of an answer, again and again.
    """

    name: str
    system: str = ""
    user: str = "{}"
    assistant: str = "{}"
    cue: str = ""
    stop: str = ""
    echoes: tuple[str, ...] = ()

    def render(self, turns: Sequence[tuple[str, str]]) -> str:
        """Lay out turns whose last one is the user's; a system turn takes the template's own place."""
        system = next((text for role, text in turns if role == "system"), None)
        parts = [self.system if system is None else system + ("\n" if system else "")]
        parts += [
            (self.user if role == "user" else self.assistant).replace("{}", text)
            for role, text in turns
            if role != "system"
        ]
        return "".join(parts) + self.cue

    def trim(self, answer: str, *, echoes: bool = True) -> str:
        """Cut an answer at the stop text, strip white space and, if asked, echoes."""
        text = answer.strip()
        while echoes and self.echoes:
            before = len(text)
            for echo in self.echoes:
                if text.startswith(echo):
                    text = text[len(echo) :].strip()
            if len(text) == before:
                break
        return (text.split(self.stop, 1)[0] if self.stop else text).strip()


TEMPLATES = {
    one.name: one
    for one in (
        Template("mistral_instruct", user="[INST] {} [/INST]", assistant=" {} </s>"),
        Template(
            "vicuna_v1",
            system=_POLITE.format("user", "user") + " ",
            user="USER: {} ",
            assistant="ASSISTANT: {}</s>",
            cue="ASSISTANT:",
        ),
        Template(
            "llava_v1",
            system=_POLITE.format("human", "human") + " ",
            user="USER: {} ",
            assistant="ASSISTANT: {}</s>",
            cue="ASSISTANT:",
        ),
        Template(
            "simple",
            system=_POLITE.format("human", "human")
            + "###Human: Hi!###Assistant: Hi there!  How can I help you today?\n###",
            user="Human: {}###",
            assistant="Assistant: {}###",
            stop="###",
            echoes=("###", "Assistant:", "Response:"),
        ),
        Template(
            "alpaca",
            user="### Instruction:\n{}\n\n",
            assistant="### Response:\n{}\n\n",
            cue="### Response:\n",
        ),
        Template("plain", user="{}\n", assistant="{}\n"),
    )
}
ALIASES = {"v1": "vicuna_v1", "mistral-instruct": "mistral_instruct"}
ALPACA_PLAIN = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)
ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)


def named(name: str) -> Template:
    """Find a template by its name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return TEMPLATES[ALIASES.get(name, name)]
    except KeyError:
        known = ", ".join([*TEMPLATES, *ALIASES, CHAT])
        raise UsageError(f"There is no prompt template '{name}'.", hint=f"Choose one of: {known}") from None
