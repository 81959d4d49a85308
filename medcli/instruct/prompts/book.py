"""The files of prompts, read and checked, and the constant head of a conversation with a model made of them.

A prompt is: rules that hold for all kinds, the kind's task, whether the picture is shown, the form of the reply, and
worked examples: one of the figure's own domain first, the others as the file has them. All of it is constant for a
kind and a domain, so that it is searched by the gate once, and servers that keep prefixes keep it. Knows files and
texts; refuses to know captions' content.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Any

from medcli.errors import UsageError
from medcli.instruct.sample import KINDS
from medcli.records import Caption, Turn

FILES = ("shared", *KINDS, "examples")
_TEXTS = {"shared": ("rules", "picture", "no_picture", "repair"), "kind": ("task", "json", "text")}
_NO_PROSE = frozenset({"version", "domain"})
Clean = Callable[[Sequence[str]], Sequence[str]]
_FIXED = ("description", "alignment")  # what is asked is one of the file's questions


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked with, for one kind and domain.

    Attributes
    ----------
    turns : tuple of (str, str)
        System text and worked examples.
    repair : str
        What is said to a reply that cannot be read.
    headings : tuple of (str, str)
        Before a caption, and before its mentions.
    """

    turns: tuple[Turn, ...] = field(repr=False)
    repair: str = field(repr=False)
    headings: tuple[str, str] = ("", "")

    def ask(self, caption: str, mentions: Sequence[str]) -> str:
        """The text that asks about one figure."""
        lines = [self.headings[0], caption]
        if mentions:
            lines += ["", self.headings[1], *(f"- {mention}" for mention in mentions)]
        return "\n".join(lines)


class Book:
    """All files of prompts.

    Parameters
    ----------
    files : mapping of str to mapping
        Content by the names of :data:`FILES`.
    structured : bool
        Whether JSON is asked for, or plain text.
    pictures : bool
        Whether the picture is shown.
    mentions : bool
        Whether sentences that mention the figure are told.
    examples : int
        Worked examples in each prompt.
    """

    def __init__(
        self,
        files: Mapping[str, Mapping[str, Any]],
        *,
        structured: bool = True,
        pictures: bool = False,
        mentions: bool = True,
        examples: int = 3,
    ) -> None:
        self._files = files
        self._form = "json" if structured else "text"
        self._shown = "picture" if pictures else "no_picture"
        self._mentions, self._count = mentions, examples
        self._made: dict[tuple[str, str], Prompt] = {}

    def prompt(self, kind: str, domain: str) -> Prompt:
        """The prompt for a kind of sample of a figure of a domain; an unknown domain has one too."""
        if not any(one["domain"] == domain for one in self.examples()):
            domain = ""
        made = self._made.get((kind, domain))
        if made is None:
            made = self._made[kind, domain] = self._make(kind, domain)
        return made

    def domains(self) -> list[str]:
        """The domains that have a prompt of their own, and the empty one for all others."""
        own = [str(one["domain"]) for one in self.examples()]
        return [*dict.fromkeys(own), ""] if self._count else [""]

    def examples(self) -> Sequence[Mapping[str, Any]]:
        """All worked examples."""
        every: Sequence[Mapping[str, Any]] = self._files["examples"]["example"]
        return every

    def questions(self, kind: str) -> Sequence[str]:
        """What a person may ask where the kind's question is not the model's: descriptions."""
        return self._files[kind].get("questions", ()) if kind in _FIXED else ()

    def usual(self, kind: str) -> int:
        """Characters that a reply of a kind has in the worked examples, on average."""
        every = self.examples()
        return sum(len(reply(kind, one, self._form)) for one in every) // max(1, len(every))

    def version(self, kind: str) -> str:
        """Versions of the files that a kind's prompts are made of: ``1.1.1``."""
        return ".".join(str(self._files[name]["version"]) for name in ("shared", kind, "examples"))

    def hash(self, kind: str) -> str:
        """Sixteen hexadecimal digits of all that a kind's prompts can hold."""
        content = [
            self._form,
            self._shown,
            self._mentions,
            self._count,
            *(self._files[name] for name in ("shared", kind, "examples")),
        ]
        return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    def _make(self, kind: str, domain: str) -> Prompt:
        shared, own = self._files["shared"], self._files[kind]
        headings = (shared["headings"]["caption"], shared["headings"]["mentions"])
        parts = (shared["rules"], own["task"], shared[self._shown], own[self._form])
        system = "\n\n".join(part.strip() for part in parts if part.strip())
        prompt = Prompt((("system", system),), shared["repair"].strip(), headings)
        turns = list(prompt.turns)
        for example in self._chosen(domain):
            label = f"{example['label']}. " if example.get("label") else ""
            mentions = example.get("mentions", ()) if self._mentions else ()
            turns.append(("user", prompt.ask(f"{label}{example['caption']}", mentions)))
            turns.append(("assistant", reply(kind, example, self._form)))
        return Prompt(tuple(turns), prompt.repair, headings)

    def _chosen(self, domain: str) -> list[Mapping[str, Any]]:
        """Examples of other domains first: what stands last is followed most closely."""
        every = self.examples()
        own = [one for one in every if one["domain"] == domain]
        rest = [one for one in every if one["domain"] != domain]
        count = self._count
        return [*rest[: max(0, count - len(own))], *own[:count]]


def reply(kind: str, example: Mapping[str, Any], form: str) -> str:
    """A worked example's reply, in the form that is asked for."""
    if kind in _FIXED:
        return (
            json.dumps({"description": example[kind]}, ensure_ascii=False)
            if form == "json"
            else example[kind]
        )
    if kind == "vqa-choice":
        question, answer, *wrong = example["choice"]
        if form == "json":
            return json.dumps({"question": question, "answer": answer, "wrong": wrong}, ensure_ascii=False)
        return "\n".join([f"Question: {question}", f"Answer: {answer}", *(f"Wrong: {one}" for one in wrong)])
    pairs = example["conversation" if kind == "conversation" else "open"]
    if form == "json":
        turns = [{"question": question, "answer": answer} for question, answer in pairs]
        return json.dumps({"turns": turns}, ensure_ascii=False)
    return "\n\n".join(f"User: {question}\n\nAssistant: {answer}" for question, answer in pairs)


def read_book(folder: Path | None = None, clean: Clean | None = None, **settings: Any) -> Book:
    """Read our prompts, with the files of a folder in the place of those of the same name.

    Parameters
    ----------
    folder : Path, optional
        Holds ``shared.toml``, ``conversation.toml`` and the like: one of them or more.
    clean : callable, optional
        Is handed all texts of the folder's files once, and gives them back without identity. Ours hold none: their
        cases are made up.
    **settings
        As of :class:`Book`.

    Raises
    ------
    UsageError
        If the folder holds none of them, or one that is not what it should be.
    """
    ours = resources.files(__package__)
    files = {name: tomllib.loads(ours.joinpath(f"{name}.toml").read_text(encoding="utf-8")) for name in FILES}
    if folder is not None:
        own = {name: folder / f"{name}.toml" for name in FILES if (folder / f"{name}.toml").is_file()}
        if not own:
            raise UsageError(
                "The folder of --prompts holds no prompts.",
                hint=f"They are: {', '.join(f'{name}.toml' for name in FILES)}.",
            )
        read = {name: _read(path) for name, path in own.items()}
        files |= read if clean is None else _cleaned(read, clean)
    for name, content in files.items():
        _check(name, content)
    return Book(files, **settings)


def _cleaned(value: Any, clean: Clean) -> Any:
    """The same structure with its texts cleaned, all in one go; names of keys and domains are no prose."""
    texts: list[str] = []

    def walk(one: Any, take: Callable[[str], str]) -> Any:
        if isinstance(one, str):
            return take(one)
        if isinstance(one, list):
            return [walk(part, take) for part in one]
        if isinstance(one, dict):
            return {name: part if name in _NO_PROSE else walk(part, take) for name, part in one.items()}
        return one

    def gather(text: str) -> str:
        texts.append(text)
        return text

    walk(value, gather)
    fresh = iter(clean(texts))
    return walk(value, lambda _: next(fresh))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.name} of --prompts cannot be read as TOML.", hint="See docs/generate-instruct.md"
        ) from error


def _check(name: str, content: Mapping[str, Any]) -> None:
    """Hold a file to its form.

    Raises
    ------
    UsageError
        Naming the file and what is missing.
    """
    wanted = _TEXTS["shared"] if name == "shared" else () if name == "examples" else _TEXTS["kind"]
    lacking = [key for key in ("version", *wanted) if not isinstance(content.get(key), str)]
    if name == "shared" and not {"caption", "mentions"} <= set(content.get("headings", ())):
        lacking.append("headings")
    if name in _FIXED and not _texts(content.get("questions")):
        lacking.append("questions")
    if name == "examples":
        lacking += _lacking_in(content.get("example", []))
    if lacking:
        raise UsageError(
            f"{name}.toml of --prompts lacks, or has in another form: {', '.join(lacking)}.",
            hint="See docs/generate-instruct.md",
        )


def _lacking_in(examples: Any) -> list[str]:
    if not isinstance(examples, list):
        return ["example"]
    for number, one in enumerate(examples, 1):
        fits = {name: isinstance(one.get(name), str) for name in ("domain", "caption", *_FIXED)}
        fits |= {name: _pairs(one.get(name)) for name in ("conversation", "open")}
        fits["choice"] = _texts(one.get("choice")) and len(one["choice"]) > 2
        fits["mentions"] = isinstance(one.get("mentions", []), list)
        if not all(fits.values()):
            return [f"example {number}: {name}" for name, good in fits.items() if not good]
    return []


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_texts(one) and len(one) == 2 for one in value)


def caption_text(caption: Caption) -> str:
    """Label and caption in one."""
    label = caption.label.strip().rstrip(".:")
    return f"{label}. {caption.caption}" if label else caption.caption
