"""The replay buffer against a list, and its draws against the law of sampling without replacement."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.testing import assert_array_equal
from stats import chi2_limit

import fastebm as fe


class AgainstAList(RuleBasedStateMachine):
    """Any sequence of pushes and draws, next to a Python list that does the same."""

    @initialize(
        capacity=st.sampled_from([0, 1, 2, 3, 5, 17, 1023, 1024, 1025, 5000]), n_features=st.integers(1, 3)
    )
    def start(self, capacity, n_features):
        self.buffer = fe.ReplayBuffer(capacity, n_features)
        self.capacity, self.n_features = capacity, n_features
        self.kept, self.count, self.flat = [], 0, False

    @rule(n=st.one_of(st.integers(0, 7), st.sampled_from([100, 1023, 1024, 1025, 2500])), flat=st.booleans())
    def push(self, n, flat):
        rows = (self.count + np.arange(n * self.n_features, dtype=float)).reshape(n, self.n_features)
        self.count += n * self.n_features
        self.flat = flat and self.n_features == 1
        given = rows[:, 0] if self.flat else rows
        self.buffer.push(given)
        # What is stored is a copy.
        given += 0.5
        given -= 0.5
        self.kept = (self.kept + rows.tolist())[-self.capacity :] if self.capacity else []

    @rule(n=st.integers(0, 40), seed=st.integers(0, 2**32))
    def draw(self, n, seed):
        rows = self.buffer.draw(n, seed)
        assert_array_equal(rows, self.buffer.draw(n, seed))
        assert rows.shape == (
            (min(n, len(self.kept)),) if self.flat else (min(n, len(self.kept)), self.n_features)
        )
        drawn = rows.reshape(-1, self.n_features).tolist()
        if n >= len(self.kept):
            assert drawn == self.kept
        # Every pushed row has numbers of its own, so this is "without replacement".
        assert len(set(map(tuple, drawn))) == len(drawn)
        assert set(map(tuple, drawn)) <= set(map(tuple, self.kept))
        rows[...] = -1.0

    @rule(bad=st.sampled_from([np.nan, np.inf, -np.inf]), n=st.integers(1, 5))
    def push_bad(self, bad, n):
        rows = np.zeros((n, self.n_features))
        rows[-1, -1] = bad
        with pytest.raises(ValueError, match="not finite"):
            self.buffer.push(rows)

    @invariant()
    def same_as_the_list(self):
        if not hasattr(self, "buffer"):
            return
        assert len(self.buffer) == len(self.kept)
        states = self.buffer.states
        assert states.shape == ((len(self.kept),) if self.flat else (len(self.kept), self.n_features))
        assert states.reshape(-1, self.n_features).tolist() == self.kept
        states[...] = -1.0


TestAgainstAList = AgainstAList.TestCase


# ---- the traps of the teaching notebook's buffer ----


def test_capacity_zero_keeps_nothing():
    buffer = fe.ReplayBuffer(0)
    buffer.push([1.0, 2.0])
    assert len(buffer) == 0 and buffer.states.shape == (0,)
    assert buffer.draw(5, seed=1).shape == (0,)


def test_negative_capacity_is_refused():
    with pytest.raises(ValueError, match="capacity must be at least 0, got -2"):
        fe.ReplayBuffer(-2)


def test_last_states_stay():
    buffer = fe.ReplayBuffer(3)
    buffer.push([1.0, 2.0, 3.0, 4.0, 5.0])
    assert_array_equal(buffer.states, [3.0, 4.0, 5.0])
    buffer.push([6.0])
    assert_array_equal(buffer.states, [4.0, 5.0, 6.0])


@pytest.mark.parametrize("n", [4, 5, 10**9])
def test_drawing_more_than_there_is_gives_everything_in_order(n):
    buffer = fe.ReplayBuffer(10)
    buffer.push([4.0, 3.0, 2.0, 1.0])
    assert_array_equal(buffer.draw(n, seed=3), [4.0, 3.0, 2.0, 1.0])


def test_drawing_nothing_or_from_nothing():
    buffer = fe.ReplayBuffer(10, 2)
    assert buffer.draw(0).shape == (0, 2) and buffer.draw(4).shape == (0, 2)
    buffer.push(np.ones((3, 2)))
    assert buffer.draw(0, seed=1).shape == (0, 2)


def test_drawing_removes_nothing():
    buffer = fe.ReplayBuffer(10)
    buffer.push(np.arange(8.0))
    buffer.draw(5, seed=1)
    assert_array_equal(buffer.states, np.arange(8.0))


def test_draws_with_other_seeds_differ_and_a_generator_moves_on():
    buffer = fe.ReplayBuffer(1000)
    buffer.push(np.arange(1000.0))
    rng = np.random.default_rng(1)
    draws = [buffer.draw(100, s) for s in (1, 2, None, None, rng, rng)]
    assert len({d.tobytes() for d in draws}) == len(draws)


def test_equality_goes_by_content():
    a, b = fe.ReplayBuffer(3), fe.ReplayBuffer(3)
    a.push([1.0, 2.0, 3.0, 4.0])
    b.push([2.0, 3.0, 4.0])
    assert a == b and a != fe.ReplayBuffer(3) and a != 3
    b.push([5.0])
    assert a != b


# ---- uniform, without replacement ----

STATES, SIZE, DRAWS = 12, 5, 8_000


def inclusion_chi2(draws):
    """Chi-squared of how often each state was drawn, corrected for drawing without replacement (df = states - 1)."""
    counts = np.bincount(draws.ravel(), minlength=STATES)
    p = SIZE / STATES
    return ((counts - DRAWS * p) ** 2).sum() / (DRAWS * p * (1 - p)) * (STATES - 1) / STATES


def position_chi2(draws):
    """Chi-squared of what the first place of a draw holds: its order is random too (df = states - 1)."""
    counts = np.bincount(draws[:, 0], minlength=STATES)
    return ((counts - DRAWS / STATES) ** 2).sum() / (DRAWS / STATES)


def test_draws_are_uniform_without_replacement():
    buffer = fe.ReplayBuffer(STATES)
    # Push past the capacity, so that the ring is turned.
    buffer.push(np.arange(-7.0, STATES))
    rng = np.random.default_rng(5)
    draws = np.array([buffer.draw(SIZE, rng) for _ in range(DRAWS)]).astype(int)
    assert (np.diff(np.sort(draws, axis=1), axis=1) > 0).all()
    assert inclusion_chi2(draws) < chi2_limit(STATES - 1)
    assert position_chi2(draws) < chi2_limit(STATES - 1)
    pairs = np.zeros((STATES, STATES))
    for i in range(SIZE):
        for j in range(SIZE):
            np.add.at(pairs, (draws[:, i], draws[:, j]), i != j)
    expected = DRAWS * SIZE * (SIZE - 1) / (STATES * (STATES - 1))
    off = pairs[np.triu_indices(STATES, 1)]
    # Pairs of one draw are correlated; the sum is below that of independent cells, so the limit is on the safe side.
    assert ((off - expected) ** 2 / expected).sum() < chi2_limit(len(off))


def test_wrong_draws_fail():
    rng = np.random.default_rng(6)
    # A window of neighbours that does not wrap reaches the ends less often.
    window = rng.integers(0, STATES - SIZE + 1, DRAWS)[:, None] + np.arange(SIZE)
    assert inclusion_chi2(window) > 2 * chi2_limit(STATES - 1)
    # The last state is never drawn: the classic slip of one.
    short = np.array([rng.choice(STATES - 1, SIZE, replace=False) for _ in range(DRAWS)])
    assert inclusion_chi2(short) > 2 * chi2_limit(STATES - 1)
    # Sorted: the right sets, in the wrong order.
    ordered = np.sort([rng.choice(STATES, SIZE, replace=False) for _ in range(DRAWS)], axis=1)
    assert inclusion_chi2(ordered) < chi2_limit(STATES - 1) and position_chi2(ordered) > 2 * chi2_limit(
        STATES - 1
    )


# ---- bad input ----


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ((-1,), ValueError, "capacity"),
        ((2.0,), TypeError, "capacity"),
        (("3",), TypeError, "capacity"),
        ((True,), TypeError, "capacity"),
        ((None,), TypeError, "capacity"),
        ((3, 0), ValueError, "n_features"),
        ((3, 1.0), TypeError, "n_features"),
    ],
    ids=repr,
)
def test_bad_size(arguments, error, name):
    with pytest.raises(error, match=name):
        fe.ReplayBuffer(*arguments)


@pytest.mark.parametrize(
    ("rows", "error", "name"),
    [
        (np.zeros((3, 2)), ValueError, "X must have shape"),
        (1.0, ValueError, "X must have shape"),
        ([[1.0], [np.nan]], ValueError, r"X\[1, 0\] = nan"),
        (["a"], TypeError, "X must be real"),
        ([None], TypeError, "X must be real"),
    ],
    ids=repr,
)
def test_bad_push_changes_nothing(rows, error, name):
    buffer = fe.ReplayBuffer(4)
    buffer.push([1.0, 2.0])
    with pytest.raises(error, match=name):
        buffer.push(rows)
    assert_array_equal(buffer.states, [1.0, 2.0])


@pytest.mark.parametrize(
    ("n", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)]
)
def test_bad_draw(n, error):
    buffer = fe.ReplayBuffer(4)
    buffer.push([1.0, 2.0])
    with pytest.raises(error, match="n must be"):
        buffer.draw(n)
    with pytest.raises(TypeError, match="seed"):
        buffer.draw(1, seed="x")
