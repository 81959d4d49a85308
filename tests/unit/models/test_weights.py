"""A print of weights changes with the weights, and with nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.models.weights import weights_print


def _model(folder: Path, tensor: bytes) -> str:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(tensor)
    return str(folder)


def test_a_copy_elsewhere_is_the_same_and_training_is_not(tmp_path: Path) -> None:
    weights = os.urandom(5_000_000)
    one = _model(tmp_path / "one", weights)
    before = weights_print(one)
    assert len(before) == 32
    shutil.copytree(one, tmp_path / "two")
    (tmp_path / "two" / "README.md").write_text("Trained on nothing.")
    assert weights_print(str(tmp_path / "two")) == before
    trained = bytes(byte ^ 1 for byte in weights)
    assert weights_print(_model(tmp_path / "three", trained)) != before
    (tmp_path / "two" / "config.json").write_text('{"rope_theta": 1}')
    assert weights_print(str(tmp_path / "two")) != before
    assert weights_print(one, str(tmp_path / "three")) != before


@settings(max_examples=20)
@given(where=st.sampled_from([0, 1, 4095, -1, -4096]))
def test_the_ends_of_a_large_file_count(where: int, tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("w")  # type: ignore[attr-defined]
    weights = bytearray(3_000_000)
    before = weights_print(_model(folder / "a", bytes(weights)))
    weights[where] = 1
    assert weights_print(_model(folder / "b", bytes(weights))) != before


def test_what_is_no_folder_has_no_print(tmp_path: Path) -> None:
    assert weights_print("microsoft/llava-med-v1.5-mistral-7b", "", str(tmp_path / "none")) == ""


def test_a_run_is_bound_to_what_its_models_folder_holds(tmp_path: Path) -> None:
    from medcli.ask.asking import facts_of
    from medcli.ask.spec import AskSpec

    spec = AskSpec(model=_model(tmp_path / "m", b"1"), questions=tmp_path / "q", output=tmp_path / "o")
    before = facts_of(spec, "q")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"2")
    after = facts_of(spec, "q")
    assert [name for name in after if after[name] != before[name]] == ["weights"]
