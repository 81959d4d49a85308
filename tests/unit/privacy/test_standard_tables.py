"""The maintainers' script reads the standard as NEMA publishes it, and the JSON shapes others make of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "standard_tables.py"
HEADS = [
    "Attribute Name",
    "Tag",
    "Retd. (from PS3.6)",
    "In Std. Comp. IOD (from PS3.3)",
    "Basic Prof.",
    "Rtn. Safe Priv. Opt.",
    "Rtn. UIDs Opt.",
    "Rtn. Dev. Id. Opt.",
    "Rtn. Inst. Id. Opt.",
    "Rtn. Pat. Chars. Opt.",
    "Rtn. Long. Full Dates Opt.",
    "Rtn. Long. Modif. Dates Opt.",
    "Clean Desc. Opt.",
    "Clean Struct. Cont. Opt.",
    "Clean Graph. Opt.",
]
CELLS = [
    ["Study Date", "(0008,0020)", "N", "Y", "Z", "", "", "", "", "", "K", "C", "", "", ""],
    ["Device UID", "(0018,1002)", "N", "Y", "U", "", "K", "K", "", "", "", "", "", "", ""],
    ["Overlay Data", "(60xx,3000)", "N", "Y", "X", "", "", "", "", "", "", "", "", "", "C"],
    [
        "Private Attributes",
        "(gggg,eeee) where gggg is odd",
        "N",
        "N",
        "X",
        "C",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ],
    ["Series Date", "(0008,0021)", "N", "Y", "X / D", "", "", "", "", "", "K", "C", "", "", ""],
]
EXPECTED = [
    "00080020\tStudyDate\tDA\tN\tY\tZ\t\t\t\t\t\tK\tC\t\t\t",
    "00080021\tSeriesDate\tDA\tN\tY\tX/D\t\t\t\t\t\tK\tC\t\t\t",
    "00181002\tDeviceUID\tUI\tN\tY\tU\t\tK\tK\t\t\t\t\t\t\t",
    "60xx3000\tOverlayData\tOB or OW\tN\tY\tX\t\t\t\t\t\t\t\t\t\tC",
    "ggggeeee\tPrivateAttributes\t\tN\tN\tX\tC\t\t\t\t\t\t\t\t\t",
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("standard_tables", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def docbook() -> str:
    def row(cells: list[str], cell: str) -> str:
        return (
            "<tr>"
            + "".join(f'<{cell} align="left"><para xml:id="p">{text}</para></{cell}>' for text in cells)
            + "</tr>"
        )

    def table(label: str, heads: list[str], rows: list[list[str]]) -> str:
        body = "".join(row(cells, "td") for cells in rows)
        return (
            f'<table label="{label}" xml:id="table_{label}"><caption>Title</caption><thead>{row(heads, "th")}</thead>'
            f"<tbody>{body}</tbody></table>"
        )

    private = [
        ["(0019,xx0c)", "SOME MAKER &amp; CO", "IS", "1", "A factor"],
        ["(7FD1,xx10)", "SOME MAKER &amp; CO", "OW/OB", "1", ""],
    ]
    return (
        '<book xmlns="http://docbook.org/ns/docbook"><chapter><para>Not a table.</para>'
        + table("E.1-1", HEADS, CELLS)
        + table("E.3.10-1", ["Data Element", "Private Creator", "VR", "VM", "Meaning"], private)
        + "</chapter></book>"
    )


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]


def test_docbook(script: ModuleType, tmp_path: Path):
    source, output = tmp_path / "part15.xml", tmp_path / "e1_1.tsv"
    source.write_text(docbook(), "utf-8")
    assert script.main(["profile", str(source), "--edition", "2099a", "--output", str(output)]) == 0
    assert lines(output)[0].startswith("tag\tkeyword\tvr\t")
    assert lines(output)[1:] == EXPECTED
    assert "# edition: 2099a\n" in output.read_text("utf-8")
    assert (
        script.main(
            ["safe-private", str(source), "--edition", "2099a", "--output", str(tmp_path / "private.tsv")]
        )
        == 0
    )
    assert lines(tmp_path / "private.tsv")[1:] == [
        "0019\t0C\tSOME MAKER & CO\tIS\t1",
        "7FD1\t10\tSOME MAKER & CO\tOW\t1",
    ]


def test_html(script: ModuleType, tmp_path: Path):
    text = (
        docbook()
        .replace("<table label", '<div class="table"><a id="ID"></a><table label')
        .replace("xml:id", "data-id")
    )
    text = text.replace('id="ID"', 'id="table_E.1-1" shape="rect"', 1)
    (tmp_path / "chapter_E.html").write_text(text, "utf-8")
    script.main(
        [
            "profile",
            str(tmp_path / "chapter_E.html"),
            "--edition",
            "2099a",
            "--output",
            str(tmp_path / "out.tsv"),
        ]
    )
    assert lines(tmp_path / "out.tsv")[1:] == EXPECTED


def test_json_of_either_shape(script: ModuleType, tmp_path: Path):
    ours = [
        {
            "name": cells[0],
            "tag": cells[1],
            "retired": cells[2] == "Y",
            "in_standard_iod": cells[3] == "Y",
            "basic_profile": cells[4].replace(" ", ""),
            "options": {
                names[1]: code for names, code in zip(script.OPTIONS.values(), cells[5:], strict=True) if code
            },
        }
        for cells in CELLS
    ]
    theirs = [
        {
            "name": cells[0],
            "tag": cells[1].upper(),
            "stdCompIOD": cells[3],
            "basicProfile": cells[4],
            **{
                names[2]: code for names, code in zip(script.OPTIONS.values(), cells[5:], strict=True) if code
            },
        }
        for cells in CELLS
    ]
    for name, data in (("pymedphys", {"rows": ours}), ("innolitics", theirs)):
        source, output = tmp_path / f"{name}.json", tmp_path / f"{name}.tsv"
        source.write_text(json.dumps(data), "utf-8")
        script.main(["profile", str(source), "--edition", "2099a", "--output", str(output)])
        assert lines(output)[1:] == EXPECTED


def test_differences_are_printed_and_check_writes_nothing(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source, output = tmp_path / "part15.xml", tmp_path / "e1_1.tsv"
    source.write_text(docbook(), "utf-8")
    script.main(["profile", str(source), "--edition", "2099a", "--output", str(output)])
    before = output.read_bytes()
    capsys.readouterr()
    source.write_text(docbook().replace(">Z<", ">X<").replace("(0018,1002)", "(0018,1000)"), "utf-8")
    script.main(["profile", str(source), "--edition", "2099b", "--output", str(output), "--check"])
    printed = capsys.readouterr().out
    assert output.read_bytes() == before
    assert "~ 00080020" in printed
    assert "- 00181002" in printed
    assert "+ 00181000" in printed
    assert "5 rows before, 5 now" in printed


@pytest.mark.parametrize(
    "text", ["<book></book>", '<book><table xml:id="table_E.1-1"><tr><th>Tag</th></tr></table></book>']
)
def test_a_source_without_the_table_or_its_columns_is_refused(script: ModuleType, tmp_path: Path, text: str):
    (tmp_path / "part15.xml").write_text(text, "utf-8")
    with pytest.raises(SystemExit):
        script.main(
            ["profile", str(tmp_path / "part15.xml"), "--edition", "x", "--output", str(tmp_path / "out.tsv")]
        )
    assert not (tmp_path / "out.tsv").exists()


def test_types_take_the_most_demanding_of_a_place(script: ModuleType, tmp_path: Path):
    def put(name: str, data: object) -> None:
        (tmp_path / f"{name}_map.json").write_text(json.dumps(data), "utf-8")

    put("sop_class_iod", {"1.2.3": "ct-image", **dict.fromkeys(script.ALIASES, "ct-image")})
    script_aliases = dict.fromkeys(script.ALIASES.values())
    put(
        "iod_module",
        {name: [{"key": "one", "usage": "M"}, {"key": "two", "usage": "U"}] for name in script_aliases},
    )
    put(
        "module_attribute",
        {
            "one": [
                {"keyword": "StudyDate", "type": "2", "path": []},
                {"keyword": "Rows", "type": "1", "path": []},
                {"keyword": "SeriesDate", "type": "3", "path": []},
                {"keyword": "ReferencedSOPInstanceUID", "type": "1C", "path": ["ReferencedImageSequence"]},
            ],
            "two": [
                {"keyword": "StudyDate", "type": "1C", "path": []},
                {"keyword": "ReferencedSOPInstanceUID", "type": "1", "path": ["ReferencedImageSequence"]},
            ],
        },
    )
    output = tmp_path / "iod_types.tsv"
    script.main(["iods", str(tmp_path), "--edition", "x", "--output", str(output)])
    found = lines(output)
    assert "sop\t1.2.3\tct-image" in found
    assert "iod\tct-image\tone two" in found
    assert "module\tone\t00080020=2" in found
    assert "module\ttwo\t00080020=1C" in found
    assert "item\t00081140\t00081155=1" in found
