"""What stands at --output stays; control characters, half surrogates and marks of direction that a model writes do not reach the training set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from tests.instruct.inputs import captions, medcli, options, read
from tests.instruct.server import Server, kind_of, sample

ODD = "\x00\x1b[0m\u202e\ud800"
CLEAN = "[0m"


class OddServer(Server):
    """Puts them into every text."""

    def write(self, body: dict[str, Any], number: int) -> str:
        text = json.dumps(sample(kind_of(body), number))
        for start in ("The ", "How ", "A "):
            text = text.replace(f'"{start}', f'"{start}{json.dumps(ODD)[1:-1]} ')
        return text


@pytest.mark.parametrize("kind", ["conversation", "vqa-choice"])
def test_control_characters_are_cut(tmp_path: Path, kind: str) -> None:
    captions(tmp_path, 3)
    with OddServer() as server:
        code, out, err = medcli(tmp_path, *options(tmp_path, server.url, "--kind", kind, "--json"))
    assert code == 0, err
    rows = read(tmp_path)
    assert json.loads(out)["accepted"] == len(rows) == 3
    written = (tmp_path / "train.json").read_bytes()
    assert CLEAN.encode() in written
    assert not [one for one in (b"u0000", b"u001b", b"ud800", "\u202e".encode()) if one in written]


def test_a_file_of_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    captions(tmp_path, 3)
    (tmp_path / "train.json").write_text("precious")
    with Server() as server:
        code, _, err = medcli(tmp_path, *options(tmp_path, server.url))
        assert (code, "not from this run" in err, len(server.order)) == (2, True, 0)
        assert (tmp_path / "train.json").read_text() == "precious"
        assert medcli(tmp_path, *options(tmp_path, server.url, "--restart"))[0] == 0
        assert medcli(tmp_path, *options(tmp_path, server.url))[0] == 0
    assert len(read(tmp_path)) == 3
