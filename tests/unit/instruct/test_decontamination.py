"""What a model is tested with is found in training data: words, names, pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from medcli.errors import InputError
from medcli.imaging import open_picture
from medcli.instruct import decontamination, lookalikes
from medcli.instruct.sample import Sample

LONG = "Which of the two kidneys shows a wedge-shaped area without any enhancement?"
ANSWER = "The left kidney shows a wedge-shaped area without enhancement that reaches from the hilum to the capsule of the organ"


def sample(question: str, answer: str = "It is small.", image: str = "a.jpg", number: str = "a") -> Sample:
    return Sample(number, "vqa-open", (("user", question), ("assistant", answer)), image)


@pytest.fixture(scope="module")
def pictures() -> dict[str, Image.Image]:
    """Real ones: CT, MR, ultrasound, an X-ray angiogram and others of pydicom's test data, one a file name's kind."""
    from pydicom.data import get_testdata_file

    names = ("CT_small.dcm", "MR_small.dcm", "examples_ybr_color.dcm", "JPEG2000.dcm", "693_J2KI.dcm", "emri_small.dcm",
             "US1_J2KR.dcm")  # fmt: skip
    found = {}
    for name in names:
        path = get_testdata_file(name)
        assert path
        found[name] = open_picture(Path(str(path))).convert("L")
    return found


def read_tests(tmp_path: Path, rows: list[dict[str, object]]) -> decontamination.Tests:
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return decontamination.Tests.of([path])


ROWS: list[dict[str, object]] = [
    {"question_id": 1, "image": "18063892_F3.jpg", "text": f"{LONG}\n<image>", "answer": ANSWER},
    {"id": "x", "image": "test/0648.jpg", "conversations": [
        {"from": "human", "value": "What modality is shown?\n<image>"}, {"from": "gpt", "value": "CT"}]},
    {"question_id": 3, "turns": [{"role": "user", "text": "Is it large?"}], "images": []},
    {"no": "question"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (sample(LONG, "It is small.", "a.jpg", "a"), "test-question"),
        (sample(LONG.upper().replace("-", " ")), "test-question"),
        (sample("What is seen?", f"In short: {ANSWER.lower()}.", "a.jpg", "a"), "test-text"),
        (sample("What modality is shown?", "CT", "a.jpg", "a"), ""),
        (
            sample(
                "Which of the two kidneys is seen here, and in which plane?", "It is small.", "a.jpg", "a"
            ),
            "",
        ),
        (sample("What is seen?", "It is small.", "folder/18063892_F3.png", "a"), "test-figure"),
        (sample("What is seen?", "It is small.", "", "18063892_f3"), "test-figure"),
        (sample("What is seen?", "It is small.", "0648.jpg", "0648"), ""),
    ],
)
def test_words_and_names(tmp_path: Path, given: Sample, rule: str) -> None:
    tests = read_tests(tmp_path, ROWS)
    assert tests.match_text(given) == rule
    assert [one.rule for one in tests.findings(given)] == ([rule] if rule else [])
    assert rule in ("", *decontamination.RULES)


def test_what_was_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "18063892_F3.jpg").write_bytes(b"no picture")
    tests = read_tests(tmp_path, ROWS)
    assert (tests.questions, tests.skipped, tests.missing, tests.unreadable, tests.pictures) == (
        3,
        1,
        1,
        1,
        0,
    )
    assert "kidney" not in repr(tests)


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no question"):
        read_tests(tmp_path, [{"no": "question"}])


def test_pictures_of_a_folder_are_held_against(tmp_path: Path, pictures: dict[str, Image.Image]) -> None:
    (tmp_path / "shown").mkdir()
    pictures["CT_small.dcm"].save(tmp_path / "shown" / "18063892_F3.png")
    rows = [{**ROWS[0], "image": "18063892_F3.png"}]
    (tmp_path / "test.json").write_text(json.dumps(rows))
    tests = decontamination.Tests.of([tmp_path / "test.json"], tmp_path / "shown")
    assert (tests.pictures, tests.missing) == (1, 0)
    again, other = tmp_path / "again.jpg", tmp_path / "other.png"
    pictures["CT_small.dcm"].resize((300, 300)).save(again, quality=60)
    pictures["MR_small.dcm"].save(other)
    assert tests.match_picture(again) == "test-picture"
    assert tests.match_picture(other) == tests.match_picture(tmp_path / "none.png") == ""
    assert [one.rule for one in tests.findings(sample("What is it?"), again)] == ["test-picture"]
    assert tests.findings(sample("What is it?"), other) == []


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(io.BytesIO(stream.getvalue()))


def cropped(picture: Image.Image, *shares: float) -> Image.Image:
    left, top, right, bottom = shares
    width, height = picture.size
    box = round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom))
    return picture.crop(box)


EDITS = {
    "to 224": lambda one: one.resize((224, 224), Image.Resampling.BICUBIC),
    "doubled": lambda one: one.resize((one.width * 2, one.height * 2), Image.Resampling.BILINEAR),
    "JPEG 30": lambda one: jpeg(one, 30),
    "RGB": lambda one: one.convert("RGB"),
    "brighter": lambda one: ImageEnhance.Brightness(one).enhance(1.1),
    "less contrast": lambda one: ImageEnhance.Contrast(one).enhance(0.8),
    "white border": lambda one: ImageOps.expand(one, max(one.size) // 20, 255),
    "black border": lambda one: ImageOps.expand(one, max(one.size) // 20, 0),
    "cropped evenly": lambda one: cropped(one, 0.03, 0.03, 0.03, 0.03),
    "cropped at two sides": lambda one: cropped(one, 0.05, 0.0, 0.0, 0.05),
    "cropped and encoded": lambda one: jpeg(cropped(one, 0.02, 0.03, 0.01, 0.04).resize((256, 256)), 60),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_real_picture_is_known_again(pictures: dict[str, Image.Image], edit: str) -> None:
    for name, picture in pictures.items():
        found, again = lookalikes.prints(picture), lookalikes.prints(EDITS[edit](picture))
        assert found is not None, name
        assert again is not None, name
        for first, second in ((found, again), (again, found)):
            known = lookalikes.Known()
            known.add(first)
            assert known.distance(second) <= lookalikes.THRESHOLD, name


def test_other_pictures_are_none_of_it(pictures: dict[str, Image.Image]) -> None:
    known = lookalikes.Known()
    for at, picture in enumerate(pictures.values()):
        found = lookalikes.prints(picture)
        assert found is not None
        assert known.distance(found) > lookalikes.THRESHOLD or not at
        known.add(found)
    assert known.count == len(pictures)


def test_several_known_pictures_are_one_stack(pictures: dict[str, Image.Image]) -> None:
    known, alone = lookalikes.Known(), []
    asked = lookalikes.prints(pictures["US1_J2KR.dcm"])
    assert asked is not None
    assert known.distance(asked) == 1.0
    for name, picture in pictures.items():
        found = lookalikes.prints(picture)
        assert found is not None
        known.add(found)
        one = lookalikes.Known()
        one.add(found)
        alone.append((one.distance(asked), name))
        assert known.distance(asked) == min(alone)[0]
    assert min(alone) == (0.0, "US1_J2KR.dcm")


@pytest.mark.parametrize("picture", [Image.new("L", (64, 64), 90), Image.new("L", (8, 200), 0)])
def test_a_picture_that_shows_nothing_is_not_held_against(picture: Image.Image) -> None:
    assert lookalikes.prints(picture) is None
    tests = decontamination.Tests()
    tests.show(picture)
    assert (tests.pictures, tests.even) == (0, 1)


def test_stripes_tell_nothing() -> None:
    stripes = np.repeat(np.tile(np.repeat([20, 200], 8), 8)[None], 128, axis=0).astype(np.uint8)
    assert lookalikes.prints(Image.fromarray(stripes)) is None
