"""LLaMA's tokenizer as LLaVA-Med's authors ran it: SentencePiece, each stretch between special tokens by itself.

Every stretch gets SentencePiece's own space in front ("legacy" in transformers), which one call of today's unified
tokenizers over the whole prompt does not do. Knows two eras: checkpoints that list their added tokens with flags
(``added_tokens_decoder``), and older ones (``added_tokens.json``), whose added tokens swallow the white space on both
sides. Refuses to know prompts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from medcli.errors import MissingExtra, SetupError


class Tokens(Protocol):
    """What a model family needs of a tokenizer."""

    bos: int
    eos: int
    size: int

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without a start token."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, without special tokens."""
        ...

    def id_of(self, token: str) -> int | None:
        """Id of an added token."""
        ...

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """Ids whose text the next token cannot change: without a run of byte tokens at the end."""
        ...


def load(folder: Path) -> Tokens:
    """Read a checkpoint's tokenizer: ``tokenizer.model`` if it has one, else ``tokenizer.json``.

    Raises
    ------
    SetupError
        If it has neither.
    """
    if (folder / "tokenizer.model").is_file():
        return SlowLlama(folder)
    if (folder / "tokenizer.json").is_file():
        return Unified(folder)
    raise SetupError("The model has no tokenizer.", hint="It needs tokenizer.model or tokenizer.json.")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


class SlowLlama:
    """SentencePiece with special tokens, as transformers' slow LlamaTokenizer with ``legacy=True``."""

    def __init__(self, folder: Path) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError:
            raise MissingExtra("ask", "this model's tokenizer") from None
        try:
            self._pieces = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        except (OSError, RuntimeError):
            raise SetupError("The model's tokenizer.model cannot be read.") from None
        self._ids, self._flags = added(folder)
        self._modern = "added_tokens_decoder" in _json(folder / "tokenizer_config.json")
        for special in ("<unk>", "<s>", "</s>"):
            number = self._pieces.piece_to_id(special)
            self._ids.setdefault(special, number)
            self._flags.setdefault(special, (False, False))
        self.bos, self.eos = self._ids["<s>"], self._ids["</s>"]
        self.size = max(self._pieces.get_piece_size(), *(number + 1 for number in self._ids.values()))
        longest = sorted(self._ids, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, longest)) + ")")
        self._special = _special(folder, self._ids)
        self._texts = {number: token for token, number in self._ids.items() if number not in self._special}

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without a start token."""
        pieces = self._split.split(text)  # texts at even places, special tokens at odd ones
        for place in range(1, len(pieces), 2):
            left, right = self._flags[pieces[place]]
            pieces[place - 1] = pieces[place - 1].rstrip() if left else pieces[place - 1]
            pieces[place + 1] = pieces[place + 1].lstrip() if right else pieces[place + 1]
        ids: list[int] = []
        for place, piece in enumerate(pieces):
            if place % 2:
                ids.append(self._ids[piece])
            elif piece:
                ids.extend(self._pieces.encode(piece))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, without special tokens; bytes that are no UTF-8 become U+FFFD."""
        parts: list[str] = []
        run: list[int] = []
        size = self._pieces.get_piece_size()
        for i in [*(i for i in ids if i not in self._special), -1]:
            added = self._texts.get(i)
            if added is None and i >= 0:
                run += [i] if i < size else []
                continue
            if run:
                parts.append(self._decode_runs(run) if self._modern else str(self._pieces.decode(run)))
                run = []
            parts += [added] if added is not None else []
        return ("" if self._modern else " ").join(parts)

    def _decode_runs(self, ids: Sequence[int]) -> str:
        """As the fast tokenizers decode: a run of byte tokens that is not UTF-8 as a whole is U+FFFD for each byte."""
        parts: list[str] = []
        run = bytearray()
        for i in [*ids, -1]:
            if i >= 0 and self._pieces.is_byte(i):
                run.append(int(self._pieces.id_to_piece(i)[3:5], 16))
                continue
            if run:
                try:
                    parts.append(run.decode())
                except UnicodeDecodeError:
                    parts.append("\ufffd" * len(run))
                run.clear()
            if i >= 0:
                parts.append(self._pieces.id_to_piece(i).replace("\u2581", " "))
        return "".join(parts).removeprefix(" ")

    def id_of(self, token: str) -> int | None:
        """Id of an added token."""
        return self._ids.get(token)

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """Ids without a run of byte tokens at the end."""
        end = len(ids)
        while end and ids[end - 1] < self._pieces.get_piece_size() and self._pieces.is_byte(ids[end - 1]):
            end -= 1
        return ids[:end]


def added(folder: Path) -> tuple[dict[str, int], dict[str, tuple[bool, bool]]]:
    """Added tokens: their ids, and whether each swallows white space on its left and right."""
    listed = _json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    if listed:
        ids = {str(one["content"]): int(number) for number, one in listed.items()}
        flags = {
            str(one["content"]): (bool(one.get("lstrip")), bool(one.get("rstrip"))) for one in listed.values()
        }
        return ids, flags
    ids = {str(token): int(number) for token, number in _json(folder / "added_tokens.json").items()}
    flags = dict.fromkeys(ids, (True, True))
    for one in _json(folder / "special_tokens_map.json").values():
        if isinstance(one, dict):
            flags[str(one["content"])] = (bool(one.get("lstrip")), bool(one.get("rstrip")))
    return ids, flags


def _special(folder: Path, ids: dict[str, int]) -> frozenset[int]:
    """Ids that never show in a text."""
    listed = _json(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
    found = {int(number) for number, one in listed.items() if one.get("special")}
    for one in _json(folder / "special_tokens_map.json").values():
        token = one["content"] if isinstance(one, dict) else one
        if isinstance(token, str) and token in ids:
            found.add(ids[token])
    return frozenset(found | {ids[token] for token in ("<unk>", "<s>", "</s>")})


class Unified:
    """A ``tokenizer.json``, without its post-processor: stretches between special tokens are handed over one by one."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception:  # noqa: BLE001 - the Rust side raises plain Exception
            raise SetupError("The model's tokenizer.json cannot be read.") from None
        self.bos = self._tokenizer.token_to_id("<s>") or 1
        self.eos = self._tokenizer.token_to_id("</s>") or 2
        self.size = self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without a start token."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, without special tokens."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def id_of(self, token: str) -> int | None:
        """Id of an added token."""
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def settled(self, ids: Sequence[int]) -> Sequence[int]:
        """Ids without a run of byte tokens at the end."""
        end = len(ids)
        while end and str(self._tokenizer.id_to_token(ids[end - 1])).startswith("<0x"):
            end -= 1
        return ids[:end]
