"""Declarative clinical logic: slots with closed states, the state that a text tells, and trees of them.

A slot has states, each state has phrases or an interval of numbers, and :meth:`Slot.parse` tells which one state a
text is in. A tree puts slots in an order with transitions, valid rows and a diagnosis; :func:`read_tree` reads one
from YAML and checks it, with line numbers. Stands below the domains: ``evaluate`` scores with it, ``instruct`` makes
conversations of it. Knows words and numbers. Refuses to know images, models and files of questions.
"""

from __future__ import annotations

from medcli.logic.intervals import Interval
from medcli.logic.loading import EXAMPLES, example, read_tree, tree_of
from medcli.logic.slot import Slot, agree
from medcli.logic.tree import BadLabel, Node, Problem, Row, Step, Templates, Tree, TreeInvalid

__all__ = [
    "EXAMPLES",
    "BadLabel",
    "Interval",
    "Node",
    "Problem",
    "Row",
    "Slot",
    "Step",
    "Templates",
    "Tree",
    "TreeInvalid",
    "agree",
    "example",
    "read_tree",
    "tree_of",
]
