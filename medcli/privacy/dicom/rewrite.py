"""Apply the compiled actions to the noted elements of one data set and say what its new bytes are.

Knows which method does which action. Refuses to know files, pixels and how the result is searched.
"""

from __future__ import annotations

from medcli.privacy.dicom import codes
from medcli.privacy.dicom.private import PrivateRewriting

__all__ = ["Rewriter"]

_METHODS = {
    codes.KEEP: "_keep",
    codes.KEEP_LONG: "_keep",
    codes.DROP: "_drop",
    codes.DROP_ID: "_drop_id",
    codes.DROP_PRIVATE: "_drop",
    codes.CHOOSE: "_choose",
    codes.ZERO: "_zero",
    codes.DUMMY: "_dummy",
    codes.UID: "_map_uids",
    codes.UID_KEPT: "_uid_kept",
    codes.TEXT: "_text",
    codes.CLEAN: "_clean",
    codes.BULK: "_bulk",
    codes.SEQUENCE: "_sequence",
    codes.SHIFT: "_shift",
    codes.DATE: "_date",
    codes.TERM: "_term",
    codes.UID_UNLISTED: "_map_uids",
    codes.UID_CLASS: "_uid_class",
    codes.AGE: "_age",
    codes.PATIENT_ID: "_patient_id",
    codes.PATIENT_NAME: "_patient_name",
    codes.ACCESSION: "_accession",
    codes.PRIVATE: "_private_element",
    codes.KEEP_OPTION: "_keep_option",
    codes.NUMBER_LONG: "_number_long",
    codes.PIXELS: "_pixels",
    codes.WATCH: "_watch",
}


class Rewriter(PrivateRewriting):
    """The rewriting of one file; parameters and attributes as :class:`~medcli.privacy.dicom.rewriting.Rewriting`."""

    _handlers = {code: getattr(PrivateRewriting, name) for code, name in _METHODS.items()}  # noqa: RUF012 - declared above
