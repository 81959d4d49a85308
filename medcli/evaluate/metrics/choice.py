"""Multiple choice: the option that a reply names, by letter or text, beside what guessing would give."""

from __future__ import annotations

from medcli.evaluate.metrics.strict import key, named
from medcli.evaluate.metrics.wording import Synonyms

COLUMNS = ("choice_hit", "choice_guess")
_NONE = Synonyms()


def score(
    truth: str, reply: str, choices: tuple[str, ...], synonyms: Synonyms = _NONE
) -> tuple[float, float]:
    """1 if the reply names the right option and no other, and one over the number of options.

    Parameters
    ----------
    truth : str
        The right option's text or letter.
    reply : str
        As the model gave it.
    choices : tuple of str
        Two options or more.
    """
    right = key(truth, choices)
    return float(right is not None and named(reply, choices, synonyms) == right), 1 / len(choices)
