"""What a generated sample must not be: named rules, and what can be kept of a sample that breaks one.

:func:`check` tells what is wrong, :func:`mend` keeps what can be kept; both are pure. :data:`RULES` is the table of
rules, in the order in which findings are reported. :mod:`.files` runs them over files that exist, :mod:`.judging` holds
what needs a model. Refuses to know how samples are made, and quotes neither caption nor answer in a finding.
"""

from __future__ import annotations

from medcli.instruct.checks.identity import Reader, reader
from medcli.instruct.checks.mending import mend
from medcli.instruct.checks.refusal import is_refusal
from medcli.instruct.checks.rules import RULES, Rule, check, names
from medcli.instruct.checks.settings import Lengths, Settings

__all__ = [
    "RULES",
    "Lengths",
    "Reader",
    "Rule",
    "Settings",
    "check",
    "is_refusal",
    "mend",
    "names",
    "reader",
]
