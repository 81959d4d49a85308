"""Files of answers: what reading one must not leave behind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from medcli.errors import InputError
from medcli.evaluate.answers import read


@pytest.mark.parametrize("sound", [True, False])
def test_cells_may_be_long_and_the_limit_of_others_stays(sound: bool, tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = tmp_path / "results.csv"
    text = f"index,question,answer,prediction\n1,What?,CT,{'word ' * 40_000}\n"
    path.write_bytes(text.encode() + (b"" if sound else b"2,\xff\xff,x,y\n"))
    if sound:
        (one,) = list(read(path))
        assert len(one.text) > csv.field_size_limit()
    else:
        with pytest.raises(InputError):
            list(read(path))
    assert csv.field_size_limit() == before
