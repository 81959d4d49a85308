"""A table of hashes says what a dict says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.instruct import buckets
from medcli.instruct.buckets import Buckets

hashes = st.integers(0, 40) | st.integers(0, 2**64 - 1)


@given(blocks=st.lists(st.sets(hashes, max_size=60), max_size=12), asked=st.lists(hashes))
def test_the_table_is_a_dict(blocks: list[set[int]], asked: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "_FIRST", 16)
        patch.setattr(buckets, "_SLICE", 8)
        table, known = Buckets(), dict[int, int]()
        for number, block in enumerate(blocks):
            fresh = [one for one in block if (one or 1) not in known and not (one == 0 and 1 in block)]
            table.add(np.array(fresh, np.uint64), np.full(len(fresh), number))
            known |= {one or 1: number for one in fresh}
        wanted = [known.get(one or 1, -1) for one in asked]
        assert table.find(np.array(asked, np.uint64)).tolist() == wanted
