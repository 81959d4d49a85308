"""What is exported answers through transformers' own classes as LLaVA-Med's programs did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medcli.errors import InputError
from medcli.imaging import open_picture
from medcli.models import ModelSpec
from medcli.models.export import export_hf
from medcli.models.padding import CLIP_MEAN, pad_to_square

np = pytest.importorskip("numpy")

ORACLE = Path(__file__).parents[2].parent / "shared" / "oracle"
V15 = ("llava_med_v15/llava-tiny-mistral-oracle", "llava_med_v15/run-centred-padding", 700)
V10 = ("llava_med_v10/llava-tiny-llama-oracle", "llava_med_v10/run-vqa-simple", 701)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("model", "run", "place"), [V15, V10], ids=["v1.5", "v1.0"])
def test_an_export_gives_the_recorded_ids_and_answers(
    tmp_path: Path, model: str, run: str, place: int
) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = export_hf(ModelSpec(str(ORACLE / model)), tmp_path / "hf")
    processor = AutoProcessor.from_pretrained(folder)
    assert "transparent" in (folder / "README.md").read_text()
    exported = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    recorded = np.load(ORACLE / run / "oracle.npz")
    answers = lines(ORACLE / run / "answers.jsonl")
    is_v15 = place == 700
    for number, row in enumerate(lines(ORACLE / "llava_med_v15" / "questions.jsonl")):
        picture = open_picture(ORACLE / "llava_med_v15" / "images" / row["image"])
        if is_v15:  # transformers pads a grey picture in the colour of a coloured one
            picture = pad_to_square(picture, CLIP_MEAN)
        content = [{"type": "image", "image": picture.convert("RGB")}, {"type": "text", "text": row["text"]}]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
        )
        ids = recorded[f"q{number}_input_ids"].tolist()
        if is_v15:
            at = ids.index(-200)
            ids = [*ids[:at], *[place] * 16, *ids[at + 1 :]]
        assert inputs["input_ids"][0].tolist() == ids
        assert np.abs(inputs["pixel_values"][0].numpy() - recorded[f"q{number}_pixel_values"]).max() <= 1e-6
        told = exported.generate(**inputs, do_sample=False, max_new_tokens=24)[0, len(ids) :].tolist()
        assert told == recorded[f"q{number}_out"].tolist()[int(is_v15) :]
        if is_v15:
            assert processor.decode(told, skip_special_tokens=True).strip() == answers[number]["text"]


def test_the_added_row_is_never_generated(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    folder = export_hf(ModelSpec(str(ORACLE / V15[0])), tmp_path / "hf")
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        model.lm_head.weight[:] = 0
        model.lm_head.weight[700] = 1
        model.model.language_model.norm.weight.abs_()
    told = model.generate(torch.tensor([[1, 5, 6]]), do_sample=True, max_new_tokens=30)
    assert 700 not in told[0].tolist()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        export_hf(ModelSpec(str(ORACLE / V15[0])), tmp_path)
