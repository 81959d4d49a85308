"""The first verb and noun of questions, by a table written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.instruct.report.asking import OTHER, asked, words

TABLE = [
    ("What does the chest radiograph show?", "show", "radiograph"),
    ("Is there a pleural effusion?", "be", "effusion"),
    ("Describe the findings in the left lung.", "describe", "finding"),
    ("What abnormality is seen in the right upper lobe?", "see", "abnormality"),
    ("Which imaging modality was used?", "use", "modality"),
    ("Is the heart enlarged?", "be", "heart"),
    ("Are the costophrenic angles sharp?", "be", "angle"),
    ("How large is the mass?", "be", "mass"),
    ("Where is the lesion located?", "locate", "lesion"),
    ("Can you describe the histological features of this tumour?", "describe", "feature"),
    ("Please summarize the image.", "summarise", "image"),
    ("What is the most likely diagnosis?", "be", "diagnosis"),
    ("What's the size of the nodule?", "be", "size"),
    ("Do you see any fracture?", "see", "fracture"),
    ("What might the arrows in the image indicate?", "indicate", "arrow"),
    ("Look at the pleura. Is there a pneumothorax?", "be", "pneumothorax"),
    ('What would you write under "conclusion" in the report?', "write", "conclusion"),
    ("Does the patient's CT scan reveal hydronephrosis?", "reveal", "scan"),
    ("What does the report say?", "say", "report"),
    ("Which chest radiographic findings are visible?", "be", "finding"),
    ("Why?", OTHER, OTHER),
    ("", OTHER, OTHER),
]


@pytest.mark.parametrize(("text", "verb", "noun"), TABLE)
def test_verb_and_noun(text: str, verb: str, noun: str) -> None:
    assert asked(text) == (verb, noun)


@given(st.text(max_size=200))
def test_any_text_has_a_verb_of_the_table_or_none(text: str) -> None:
    verb, noun = asked(text)
    assert verb in {OTHER, *words().verbs.values(), *words().auxiliaries.values()}
    assert noun
    assert len(noun) <= 200
