"""Text in the pixels that a model is shown is filled, or the question is refused."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageDraw, ImageFont

from medcli.privacy.gate import Gate, Refused
from medcli.privacy.gate import Image as Shown
from medcli.privacy.gating.pixels import TextCleaner
from medcli.privacy.pixels.detector import Quad

NAME = "QUENNEVILLE ODALYS 4482019"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    picture = Image.effect_noise((500, 300), 12).point(lambda level: level // 2).convert("RGB")
    ImageDraw.Draw(picture).text((20, 20), NAME, fill=(255, 255, 255), font=ImageFont.load_default(20))
    picture.save(tmp_path / "scan.png")
    return tmp_path / "scan.png"


def readable(picture: Any) -> str:
    pytest.importorskip("rapidocr")
    import numpy as np

    from medcli.privacy.pixels.detector import usual
    from medcli.privacy.pixels.looking import Looker

    pixels, looker = np.array(picture.convert("RGB")), Looker(usual())
    return " ".join(one.text for one in looker.read(pixels, looker.look([pixels])))


def test_text_is_filled_for_a_model_anywhere_and_one_picture_stays_one(scan: Path) -> None:
    gate = Gate(remote=True, pixels="clean")
    session = gate.session()
    assert "QUENNEVILLE" in readable(Image.open(scan))
    shown = session.prepare([("user", "What is this?")], [Shown(scan, "scan.png")]).images[0]
    assert session.receipt is not None
    assert list(session.receipt.images) == ["picture cleaned"]
    assert "QUENN" not in readable(shown)
    before, after = Image.open(scan).convert("RGB"), shown.convert("RGB")
    assert before.crop((0, 100, 500, 300)).tobytes() == after.crop((0, 100, 500, 300)).tobytes()
    again = gate.session().prepare([("user", "And this?")], [Shown(scan, "scan.png")]).images[0]
    assert again is shown  # so that questions about one image are still one group


class Looks:
    """A detector that finds what it is told, or fails; `read` is what stands there after filling, too."""

    name = "toy"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def find(self, picture: Any, *, sensitive: bool = False) -> Sequence[Quad]:
        if self.error is not None:
            raise self.error
        return ()

    def read(self, picture: Any, quads: Sequence[Quad]) -> Sequence[Any]:
        return ()


@pytest.mark.parametrize("error", [RuntimeError(NAME), None], ids=["crash", "finds-not-even-the-control"])
def test_a_detector_that_fails_shows_nothing(scan: Path, error: Exception | None) -> None:
    from medcli.privacy.pixels.looking import Looker

    cleaner = TextCleaner()
    cleaner._looker = Looker(Looks(error))
    session = Gate(cleaner=cleaner).session()
    with pytest.raises(Refused) as refused:
        session.prepare([("user", "What is this?")], [Shown(scan, "scan.png")])
    assert refused.value.kind.startswith("gate-refused-")
    assert NAME not in f"{refused.value!r}{refused.value.__context__!r}"


def test_what_can_still_be_read_is_not_shown(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medcli.privacy.pixels.sight import TextSight

    monkeypatch.setattr(TextCleaner, "load", lambda self: None)
    monkeypatch.setattr(TextSight, "find", lambda self, image, second=False: [(0, 0, 9, 9)])
    with pytest.raises(Refused, match="pixels may show"):
        Gate(pixels="clean").session().prepare([("user", "What?")], [Shown(scan, "scan.png")])


def test_the_gate_travels_to_another_process_without_what_is_loaded() -> None:
    gate = pickle.loads(pickle.dumps(Gate(pixels="clean")))
    assert gate.pixels == "clean"
    assert isinstance(gate.cleaner, TextCleaner)
