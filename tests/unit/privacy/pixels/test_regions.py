"""Files of rectangles: our table, CTP's scripts, deid's recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from medcli.errors import InputError
from medcli.privacy.pixels.regions import read_regions, rectangles

TABLE = (
    "Manufacturer\tModality\tleft\ttop\tright\tbottom\nACME|Other\tUS\t0\t0\t400\t50\n\t\t10\t20\t30\t40\n"
)
CTP = """/* header */
{ Modality.equals("US") * Manufacturer.containsIgnoreCase("acme") }
(0,0,400,50) (10,20,20,20)
Modality.equals("CT")
(1,2,3,4)
"""
DEID = """FORMAT dicom
%filter graylist
LABEL Acme
  contains Modality US
  + contains Manufacturer ACME
  coordinates 0,0,400,50
"""


def held(tmp_path: Path, text: str, **values: object) -> list[tuple[float, float, float, float]]:
    path = tmp_path / "regions"
    path.write_text(text)
    ds = Dataset()
    ds.Rows, ds.Columns = 300, 200
    for name, value in ({"Modality": "US", "Manufacturer": "Acme Inc."} | values).items():
        setattr(ds, name, value)
    return [quad.box for quad in rectangles(read_regions(path), ds)]


def test_a_table(tmp_path: Path) -> None:
    assert held(tmp_path, TABLE) == [(0, 0, 199, 49), (10, 20, 29, 39)]
    assert held(tmp_path, TABLE, Modality="CT") == [(10, 20, 29, 39)]


def test_a_ctp_script(tmp_path: Path) -> None:
    assert held(tmp_path, CTP) == [(0, 0, 199, 49), (10, 20, 29, 39)]
    assert held(tmp_path, CTP, Modality="CT") == [(1, 2, 3, 5)]


def test_a_deid_recipe(tmp_path: Path) -> None:
    assert held(tmp_path, DEID) == [(0, 0, 199, 49)]
    assert held(tmp_path, DEID, Manufacturer="Else") == []


@pytest.mark.parametrize(
    "text",
    [
        "left,top,right\n1,2,3\n",
        "left,top,right,bottom,Patient\n1,2,3,4,x\n",
        "left,top,right,bottom\n5,2,3,4\n",
        "left,top,right,bottom\na,2,3,4\n",
        'Modality.equals("US") + Modality.equals("CT")\n(1,2,3,4)\n',
        '!Modality.equals("US")\n(1,2,3,4)\n',
        "FORMAT dicom\nLABEL x\n missing Modality\n coordinates 1,2,3,4\n",
        "",
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        held(tmp_path, text)
