"""The exception tree: codes, hints, and travel between processes."""

from __future__ import annotations

import pickle

import pytest

from medcli import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.MedcliError, 1),
        (errors.UsageError, 2),
        (errors.SetupError, 3),
        (errors.InputError, 4),
        (errors.ItemsFailed, 5),
        (errors.SafetyRefused, 6),
        (errors.Interrupted, 130),
    ],
)
def test_each_kind_has_its_exit_code(kind: type[errors.MedcliError], code: int) -> None:
    error = kind("A sentence.", hint="Do this.")
    assert (error.exit_code, str(error), error.hint) == (code, "A sentence.", "Do this.")


def test_a_missing_extra_says_how_to_get_it() -> None:
    error = errors.MissingExtra("ocr", "reading burned-in text")
    assert error.message == "Reading burned-in text needs the extra 'ocr', which is not installed."
    assert error.hint == "pip install 'medcli[ocr]'"
    assert error.exit_code == 3


@pytest.mark.parametrize(
    "error", [errors.InputError("A sentence.", hint="Do this."), errors.MissingExtra("ocr", "reading")]
)
def test_errors_travel_between_processes(error: errors.MedcliError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (arrived.message, arrived.hint, str(arrived)) == (error.message, error.hint, str(error))


def test_items_errors_carry_a_code_and_no_words() -> None:
    assert errors.ItemFailed("damaged").kind == "damaged"
    assert errors.Transient(retry_after=3.0).retry_after == 3.0
    assert not issubclass(errors.ItemError, errors.MedcliError)
