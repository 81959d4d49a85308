"""Names in a release: derived, stable, safe, legal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from medcli.privacy.layout import FileSets, Names, study_path

NAMES = Names(bytes(range(32)))
PARTS = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
    min_size=1,
    max_size=6,
)


def test_the_study_layout_is_patient_study_series_and_the_new_instance() -> None:
    path = study_path(NAMES, "PABC", "2.25.1", "2.25.2", "2.25.3")
    assert path == "PABC/2.25.1/2.25.2/2.25.3.dcm"


def test_a_retained_uid_that_is_a_path_becomes_a_harmless_name() -> None:
    path = study_path(NAMES, "P", "../../etc", "/", "a\\b:c")
    assert re.fullmatch(r"P/[A-Z2-7]{12}/[A-Z2-7]{12}/[A-Z2-7]{12}\.dcm", path)
    assert study_path(NAMES, "P", "", ".", "x" * 65).count("/") == 3


@given(PARTS)
def test_a_mirrored_path_has_the_inputs_depth_and_nothing_of_its_names(parts: list[str]) -> None:
    mirrored = NAMES.mirrored("inbox", "/".join(parts))
    assert [len(one) for one in mirrored.split("/")] == [12] * (len(parts) + 1)
    assert re.fullmatch(r"[A-Z2-7/]+", mirrored)
    assert mirrored == Names(bytes(range(32))).mirrored("inbox", "/".join(parts))
    assert mirrored != Names(bytes(32)).mirrored("inbox", "/".join(parts))


def test_files_of_one_folder_stay_in_one_folder_and_equal_names_elsewhere_differ() -> None:
    one, two = NAMES.mirrored("inbox", "a/b/1"), NAMES.mirrored("inbox", "a/b/2")
    other = NAMES.mirrored("inbox", "c/b/1")
    assert one.rpartition("/")[0] == two.rpartition("/")[0]
    assert one != two
    assert not set(one.split("/")[1:]) & set(other.split("/")[1:])
    assert NAMES.mirrored("one.dcm", "").count("/") == 0


def test_a_file_set_takes_what_lies_below_its_dicomdir_and_gives_legal_file_ids() -> None:
    outer, inner = NAMES.mirrored("inbox", "cd"), NAMES.mirrored("inbox", "cd/more")
    sets = FileSets(NAMES, "study", frozenset((outer, inner)))
    assert sets.folder_of(NAMES.mirrored("inbox", "cd/x/y/1")) == outer
    assert sets.folder_of(NAMES.mirrored("inbox", "cd/more/1")) == inner
    assert sets.folder_of(NAMES.mirrored("inbox", "cd2/1")) == ""
    path = sets.path(outer, ("P", "1", "2", "3"))
    folder, _, file_id = path.partition("/")
    assert re.fullmatch(r"fileset-[A-Z2-7]{12}", folder)
    assert re.fullmatch(r"[A-Z0-9_]{1,8}(/[A-Z0-9_]{1,8}){1,7}", file_id)
    assert sets.path(outer, ("P", "1", "2", "3"), again=1) != path
    assert (
        FileSets(NAMES, "mirror", frozenset((outer,))).path(outer, ("P", "1", "2", "3"))
        == f"{outer}/{file_id}"
    )


def test_without_a_dicomdir_no_file_is_in_a_file_set() -> None:
    assert FileSets(NAMES, "study", frozenset()).folder_of("A/B/C") == ""


def test_a_mirrored_path_fits_however_deep_the_folders_are_and_what_lies_together_stays_together() -> None:
    deep = "a/" * 1900
    first, second = NAMES.mirrored("inbox", f"{deep}1"), NAMES.mirrored("inbox", f"{deep}2")
    assert len(first) < 1000
    assert first.rpartition("/")[0] == second.rpartition("/")[0] != NAMES.mirrored("inbox", f"{deep}b/1")
    assert first != second
    assert NAMES.mirrored("inbox", "a/b").count("/") == 2
