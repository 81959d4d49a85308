"""The bound of tokens holds for real tokenizers, and the budget is never exceeded, whatever the order of things."""

from __future__ import annotations

import asyncio
import random
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from medcli.errors import InputError, UsageError
from medcli.models import prices
from medcli.models.prices import PICO, Price, Usage
from medcli.models.spending import Budget, BudgetSpent, Claim, price_for
from medcli.models.tokens import REQUEST, TURN, Estimate, Size, bound, measure

CORPUS = ["Chest radiograph shows a 3 cm nodule.", "Ödem µm ≥ 5 °C", "脑部磁共振", "No acute finding. " * 5]


@pytest.fixture(scope="module")
def tokenizers() -> list[Any]:
    """Byte-level BPE as GPT's, and unigram with a dummy blank, NFKC and bytes to fall back on as SentencePiece's."""
    kit = pytest.importorskip("tokenizers")
    bpe = kit.Tokenizer(kit.models.BPE())
    bpe.pre_tokenizer = kit.pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = kit.pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(CORPUS, kit.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    pieces = [
        ("<unk>", 0.0),
        *((f"<0x{i:02X}>", -9.0) for i in range(256)),
        ("▁", -2.0),
        ("a", -3.0),
        ("▁the", -3.0),
    ]
    unigram = kit.Tokenizer(kit.models.Unigram(pieces, unk_id=0, byte_fallback=True))
    unigram.normalizer = kit.normalizers.NFKC()
    unigram.pre_tokenizer = kit.pre_tokenizers.Metaspace()
    return [bpe, unigram]


@settings(max_examples=300)
@given(text=st.text(max_size=60))
def test_no_tokenizer_exceeds_the_bound(tokenizers: list[Any], text: str) -> None:
    for one in tokenizers:
        assert len(one.encode(text).ids) <= bound(text)


@pytest.mark.parametrize("text", ["ﷺ" * 5, "각" * 5, "a" * 50, "\x00\x1b", "🩻" * 9, "\ud800", ""])
def test_awkward_texts_are_bounded(tokenizers: list[Any], text: str) -> None:
    for one in tokenizers:
        assert len(one.encode(text.encode("utf-8", "replace").decode()).ids) <= bound(text)


def test_messages_are_measured_with_what_lies_around_them() -> None:
    parts = [
        {"type": "text", "text": "abcd"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    size = measure(
        [{"role": "system", "content": "xy"}, {"role": "user", "content": parts}], {"type": "object"}
    )
    assert size == Size(REQUEST + 2 * TURN + 3 + 5 + len('{"type": "object"}') + 1, 1)
    assert size.most(100) == size.tokens + 100
    assert measure([{"role": "assistant", "content": None}]).images == 0


def test_an_estimate_learns_from_replies() -> None:
    estimate, size = Estimate(), Size(4000)
    assert estimate.prompt(size) == 1080
    assert estimate.weight(size, 100) == 4100
    for _ in range(16):
        estimate.note(size, 100, 1000, 40)
    estimate.note(size, 100, 0, 0)  # a server that does not count
    assert (estimate.prompt(size), estimate.completion(200), estimate.replies) == (1000, 80, 16)
    assert 1130 <= estimate.weight(size, 100) <= 1135
    estimate.note(size, 100, 2000, 100)
    assert estimate.weight(size, 100) >= 2160
    assert estimate.weight(size, 100) <= size.most() + 100


def test_the_shipped_prices_say_where_they_are_from() -> None:
    table = prices.load()
    assert "2026" in table.source
    assert len(table.models) > 20
    assert table.get("gpt-4o-mini") == Price(150_000, 600_000, 75_000, Decimal("0.5"), 48169)
    assert table.get("gpt-4o-mini-2024-07-18") == table.get("gpt-4o-mini")
    assert table.get("gpt-4o-2024-05-13") != table.get("gpt-4o")
    assert table.get("our-own-model") is None
    for price in table.models.values():
        assert 0 < price.cached_input <= price.input <= price.output


def test_a_price_is_exact() -> None:
    price = Price(150_000, 600_000, 75_000)
    assert price.of(Usage(1000, 500, 200)) == 800 * 150_000 + 200 * 75_000 + 500 * 600_000
    assert price.of(Usage(1001, 0), batch=True) == 75_075_000
    assert price.worst(Size(1000, 1), 500) == (1000 + 2048) * 150_000 + 500 * 600_000
    assert Price(1, 0, 1).of(Usage(3, 0), batch=True) == 2  # upwards


def test_the_users_prices_go_before_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        'source = "ours"\n[models."gpt-4o"]\ninput = 1\noutput = 2.5\n[models.mine]\ninput = 0\noutput = 0\n'
    )
    table = prices.load(own)
    assert table.get("gpt-4o") == Price(1_000_000, 2_500_000, 1_000_000)
    assert table.get("mine") == Price(0, 0, 0)
    assert table.get("gpt-4.1") == prices.load().get("gpt-4.1")
    assert table.source.startswith("ours; else litellm")


@pytest.mark.parametrize(
    "text",
    [
        "models = 3", "[models.a]\ninput = 1", "[models.a]\ninput = 1\noutput = -1", "[models.a]\ninput = 1\noutput = nan",
        '[models.a]\ninput = "1"\noutput = 1', "[models.a]\ninput = 1\noutput = true", "[models", "[models.a]\ninput=1\noutput=1\nx=1",
    ],
)  # fmt: skip
def test_what_is_no_table_of_prices_is_told(tmp_path: Path, text: str) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text)
    with pytest.raises(UsageError, match="price"):
        prices.load(own)
    with pytest.raises(UsageError, match="cannot be read"):
        prices.load(tmp_path / "none.toml")


def test_a_budget_needs_a_price() -> None:
    assert price_for("mine", prices.load(), needed=False) is None
    with pytest.raises(UsageError, match="--max-cost needs a price") as caught:
        price_for("mine", prices.load(), needed=True)
    assert "--prices" in caught.value.hint


class Spending(RuleBasedStateMachine):
    """Any interleaving of reserving and the three ends; the truth is summed beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded = 0.0
        self.budget = Budget(1e-9, record=self._record)
        self.out: list[tuple[Claim, int]] = []
        self.paid = 0

    def _record(self, amount: float) -> None:
        self.recorded = amount

    @rule(amount=st.integers(0, 400), share=st.floats(0, 1), batch=st.booleans())
    def reserve(self, amount: int, share: float, batch: bool) -> None:
        claim = self.budget.try_reserve(amount, recorded=not batch)
        if claim is not None:
            self.out.append((claim, int(amount * share)))

    @rule(pick=st.randoms(use_true_random=False), end=st.sampled_from(["settle", "release", "lose"]))
    def end(self, pick: random.Random, end: str) -> None:
        if not self.out:
            return
        claim, took = self.out.pop(pick.randrange(len(self.out)))
        if end == "settle":
            claim.settle(took)
            self.paid += took
        elif end == "lose":
            claim.lose()
            self.paid += took  # perhaps
        else:
            claim.release()
        claim.settle(10**9)  # a second end does nothing

    @rule()
    def resume(self) -> None:
        """The process is killed: what was out may be charged in full, and the next one knows what was recorded."""
        batches = [(claim, took) for claim, took in self.out if not claim.recorded]
        self.paid += sum(took for claim, took in self.out if claim.recorded)
        self.budget = Budget(1e-9, spent=self.recorded, record=self._record)
        self.out = [(self.budget.hold(claim.amount, recorded=False), took) for claim, took in batches]

    @invariant()
    def never_exceeded(self) -> None:
        out = sum(claim.amount for claim, _ in self.out)
        assert self.paid + out <= 1000
        assert self.paid <= round(self.budget.spent * PICO)


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(0, 2**31),
)
def test_tasks_never_exceed_a_budget_and_stop_only_when_it_is_used(
    requests: list[tuple[int, float, int]], seed: int
) -> None:
    budget, rng = Budget(1e-9), random.Random(seed)
    paid = 0

    async def one(most: int, share: float, yields: int) -> bool:
        nonlocal paid
        try:
            claim = await budget.reserve(most)
        except BudgetSpent:
            return False
        for _ in range(yields + rng.randrange(3)):
            await asyncio.sleep(0)
        claim.settle(int(most * share))
        paid += int(most * share)
        assert paid <= 1000
        return True

    async def all_() -> list[bool]:
        return await asyncio.gather(*(one(*request) for request in requests))

    done = asyncio.run(all_())
    assert budget.reserved == 0
    assert round(budget.spent * PICO) == paid
    if not all(done):
        smallest = min(request[0] for request, ok in zip(requests, done, strict=True) if not ok)
        assert paid + max(300, smallest) > 700  # what is left was too little for something


def test_the_message_of_a_spent_budget_says_what_to_do() -> None:
    budget = Budget(0.5, spent=0.4999)
    with pytest.raises(
        BudgetSpent, match=r"0.4999 of 0.5000 USD are spent, and the next request could cost 0.0010"
    ) as caught:
        asyncio.run(budget.reserve(PICO // 1000))
    assert "larger --max-cost" in caught.value.hint
    assert caught.value.exit_code == 3


def test_nobody_waits_for_batches() -> None:
    budget = Budget(0.5)
    budget.hold(PICO // 2, recorded=False)
    with pytest.raises(BudgetSpent):
        asyncio.run(budget.reserve(1))


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf")])
def test_a_budget_is_an_amount(amount: float) -> None:
    with pytest.raises(UsageError):
        Budget(amount)


def test_what_was_spent_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "spent.json"
    budget = Budget.kept(path, 10.0)
    claim = asyncio.run(budget.reserve(PICO))
    assert 1.0 <= Budget.kept(path, 10.0).spent <= 1.1  # as if it was killed now
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    claim.settle(PICO // 4)
    budget.close()
    assert Budget.kept(path, 10.0).spent == 0.25
    assert Budget.kept(path, 10.0, known=3.0).spent == 3.0
    budget.hold(2 * PICO, recorded=False)
    budget.close()
    assert Budget.kept(path, 10.0).spent == 0.25
    path.write_text("{}")
    with pytest.raises(InputError, match="what was spent"):
        Budget.kept(path, 10.0)


def test_a_budget_is_written_down_rarely(tmp_path: Path) -> None:
    told: list[float] = []
    budget = Budget(1.0, record=told.append)
    for _ in range(20_000):
        claim = budget.try_reserve(40_000_000)
        assert claim is not None
        claim.settle(20_000_000)
    assert round(budget.spent, 6) == 0.4
    assert 30 <= len(told) <= 110
    assert told == sorted(told)


def test_without_a_limit_sums_are_kept() -> None:
    budget = Budget()
    asyncio.run(budget.reserve(10 * PICO)).settle(3 * PICO)
    assert (budget.spent, budget.left, budget.limited) == (3.0, None, False)
