"""The keys that docs/ask.md explains are those that answers have, and every reason code stands there."""

from __future__ import annotations

import re
from pathlib import Path

from medcli import imaging
from medcli.ask.lines import Trouble, answer_of, failure_of
from medcli.ask.plan import Asked
from medcli.models import chat
from medcli.models.endpoint import messages, troubles
from medcli.models.protocol import Description, Reply
from medcli.privacy.gating import refusal
from tests.docs.pages import DOCS

PAGE = (DOCS / "ask.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def test_every_key_of_an_answer_is_explained() -> None:
    model = Description("m", "chat", "simple", "float32", "clip")
    asked = Asked(1, [["user", "?"]], ["a.png"], "", False, "jsonl", "letters")
    full = answer_of(
        asked, "k", Reply("k", "a", "?", first_token_margin=0.1, reasoning="r"), model, {"choice": "on"}
    ).to_json()
    failed = failure_of(
        Asked(None, 5, [], "", False, "record", ""), "k", Trouble("bug", "E x:1"), "m"
    ).to_json()
    for answer in (full, failed):
        metadata = answer["metadata"]
        assert isinstance(metadata, dict)
        assert all(f"`{key}`" in PAGE for key in (*answer, *metadata))


def test_every_reason_code_stands_there() -> None:
    codes = {getattr(module, name) for module, names in CODES.items() for name in names}
    engine = (ROOT / "medcli/models/engine/runner.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'^[A-Z_]+ = "([a-z-]+)"', engine, re.MULTILINE))
    source = (ROOT / "medcli/records.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'ItemFailed\("([a-z-]+)"\)', source)) - {"no-caption", "no-id"}
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


CODES = {
    imaging: ("MISSING", "UNREADABLE", "NO_FRAME", "NO_PIXELS", "NO_CODEC"),
    refusal: ("PIXELS", "DETECTOR", "RESIDUE", "CONTENT"),
    chat: ("NO_PICTURES", "DIFFER"),
    messages: ("GARBLED",),
    troubles: ("SILENT", "CUT", "FAILING", "BUSY", "REFUSED", "TOO_LONG", "FILTERED"),
}
