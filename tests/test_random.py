"""The generator: known answers, an independent implementation, and the statistics of its normals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy.special import ndtr
from stats import ks, ks_limit, mean_z, z_limit
from strategies import seeds, sizes, words

from fastebm.kernels import probe

N = 1_000_000
# One stream has up to a hundred statistics; the seeds are fixed, so the outcome is too.
Z_LIMIT = z_limit(100)
KS_LIMIT = ks_limit(100)

PURPOSES = {
    "langevin noise": 0,
    "accept": 1,
    "proposal": 2,
    "proposal accept": 3,
    "batch": 4,
    "replay": 5,
    "reinit": 6,
    "resample": 7,
    "score noise": 14,
    "slice": 15,
}
MASK = 2**64 - 1


# ---- the bits ----


def rotl(x, r):
    return ((x << r) | (x >> (64 - r))) & MASK


def threefry(k0, k1, c0, c1, rounds=13):
    """Threefry-2x64 of Salmon et al., SC'11, in plain integers."""
    keys = (k0, k1, 0x1BD11BDAA9FC1A22 ^ k0 ^ k1)
    turns = (16, 42, 12, 31, 16, 32, 24, 21)
    a, b = (c0 + k0) & MASK, (c1 + k1) & MASK
    for i in range(rounds):
        a = (a + b) & MASK
        b = rotl(b, turns[i % 8]) ^ a
        if i % 4 == 3:
            s = i // 4 + 1
            a = (a + keys[s % 3]) & MASK
            b = (b + keys[(s + 1) % 3] + s) & MASK
    return a, b


# From the known-answer file of the Random123 library, threefry2x64 with 13 rounds: counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0xF167B032C3B480BD, 0xE91F9FEE4B7A6FB5)),
    ((MASK, MASK), (MASK, MASK), (0xCCDEC5C917A874B1, 0x4DF53ABCA26CEB01)),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344),
        (0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0xC3AAC71561042993, 0x3FE7AE8801AFF316),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    assert probe.threefry(*key, *counter) == answer
    assert threefry(*key, *counter) == answer


@given(words, words, words, words)
def test_threefry_is_the_published_function(k0, k1, c0, c1):
    assert probe.threefry(k0, k1, c0, c1) == threefry(k0, k1, c0, c1)
    # The comparison can fail: one round less is another function.
    assert threefry(k0, k1, c0, c1, rounds=12) != threefry(k0, k1, c0, c1)


def unit(r):
    """Uniform on (0, 1]: 52 bits."""
    return 1.0 - (r >> 12) * 2.0**-52


@given(words, words, words, words, sizes)
def test_uniforms_are_the_words_top_bits(k0, k1, chain0, c1, n):
    u0, u1 = probe.pairs("uniform", k0, k1, chain0, c1, n)
    assert u0.shape == u1.shape == (n,)
    for i in {0, n // 2, n - 1}:
        r0, r1 = threefry(k0, k1, (chain0 + i) & MASK, c1)
        assert u0[i] == unit(r0)
        assert u1[i] == unit(r1)
    assert (u0 > 0.0).all() and (u0 <= 1.0).all()


@given(words, words, words, words, sizes)
def test_normals_are_box_muller_of_the_words(k0, k1, chain0, c1, n):
    z0, z1 = probe.pairs("normal", k0, k1, chain0, c1, n)
    for i in {0, n // 2, n - 1}:
        r0, r1 = threefry(k0, k1, (chain0 + i) & MASK, c1)
        radius = np.sqrt(-2.0 * np.log(unit(r0)))
        pair = radius * np.array([np.cos(np.pi / 4 * unit(r1)), np.sin(np.pi / 4 * unit(r1))])
        if r1 & 4:
            pair = pair[::-1]
        signs = np.array([-1.0 if r1 & 1 else 1.0, -1.0 if r1 & 2 else 1.0])
        np.testing.assert_allclose([z0[i], z1[i]], signs * pair, rtol=1e-14)


@given(seeds, seeds, sizes, sizes)
def test_a_number_does_not_depend_on_the_block_it_is_drawn_in(k0, k1, before, n):
    whole = probe.pairs("normal", k0, k1, 0, 5, before + n)
    part = probe.pairs("normal", k0, k1, before, 5, n)
    for all_of_them, some in zip(whole, part, strict=True):
        assert all_of_them[before:].tobytes() == some.tobytes()


# ---- the statistics ----


def counter(purpose, dim, index):
    return (purpose << 60) | (dim << 40) | index


def stream(purpose=0, dim=0, steps=1000, chains=1000, key=(12345, 67890)):
    """Normals of the package, shape (steps, chains): two steps come from one call."""
    out = np.empty((steps, chains))
    for pair in range(steps // 2):
        out[2 * pair], out[2 * pair + 1] = probe.pairs("normal", *key, 0, counter(purpose, dim, pair), chains)
    return out


def words_of(steps=1000, chains=1000):
    """Random words for the broken generators, from NumPy: (steps // 2, chains) each."""
    rng = np.random.default_rng(20260101)
    return (rng.integers(0, 2**64, (steps // 2, chains), dtype=np.uint64) for _ in range(2))


def box_muller(r0, r1, octants=7):
    """Box-Muller as in the package, in NumPy; octants masks the three bits that choose the mirror image."""
    bits = r1 & np.uint64(octants)
    u0, u1 = (1.0 - (r >> np.uint64(12)).astype(float) * 2.0**-52 for r in (r0, r1))
    radius = np.sqrt(-2.0 * np.log(u0))
    c, s = radius * np.cos(np.pi / 4 * u1), radius * np.sin(np.pi / 4 * u1)
    swap, flip0, flip1 = ((bits & np.uint64(b)) != 0 for b in (4, 1, 2))
    z0 = np.where(swap, s, c) * np.where(flip0, -1.0, 1.0)
    z1 = np.where(swap, c, s) * np.where(flip1, -1.0, 1.0)
    out = np.empty((2 * len(z0), z0.shape[1]))
    out[0::2], out[1::2] = z0, z1
    return out


def moment_z(z, order):
    """z-score of the mean of z^order against the standard normal."""
    moment = [1, 0, 1, 0, 3, 0, 15, 0, 105]
    variance = moment[2 * order] - moment[order] ** 2
    return (np.mean(z**order) - moment[order]) * np.sqrt(z.size / variance)


def correlation_z(a, b):
    """z-score of the mean product of two independent standard normal arrays."""
    return np.mean(a * b) * np.sqrt(a.size)


def square_correlation_z(a, b):
    """The same for their squares, which sees a shared radius where the signs hide it."""
    return np.mean((a * a - 1.0) * (b * b - 1.0)) * np.sqrt(a.size) / 2.0


def lags(z):
    """Pairs of shifted arrays along steps (lags 1-4, with the two normals of one call) and along chains."""
    for lag in (1, 2, 3, 4, 10):
        yield f"step lag {lag}", z[lag:], z[:-lag]
        yield f"chain lag {lag}", z[:, lag:], z[:, :-lag]
    yield "two normals of one call", z[0::2], z[1::2]


def statistics(z):
    """Every statistic of one stream: name -> function that gives its value over its limit."""
    table = {"KS": lambda: ks(z, ndtr) / KS_LIMIT}
    # Also each member of a pair by itself: a defect of one may cancel in both.
    for part, half in (("", z), ("even ", z[0::2]), ("odd ", z[1::2])):
        for order in (1, 2, 3, 4):
            table[f"{part}moment {order}"] = lambda half=half, order=order: moment_z(half, order) / Z_LIMIT
    for name, a, b in lags(z):
        table[name] = lambda a=a, b=b: correlation_z(a, b) / Z_LIMIT
        table[f"{name}, squares"] = lambda a=a, b=b: square_correlation_z(a, b) / Z_LIMIT
    return table


def failing(z, names=None):
    """Which statistics (all, or those named) are beyond their limits, with their values."""
    table = statistics(z)
    values = {name: abs(table[name]()) for name in names or table}
    return {name: value for name, value in values.items() if not value < 1.0}


@pytest.fixture(scope="module")
def normals():
    return stream()


def test_normals_pass_every_statistic(normals):
    assert normals.size == N
    assert not failing(normals)


def test_uniforms_are_uniform():
    u = np.concatenate(probe.pairs("uniform", 1, 2, 0, counter(2, 0, 0), N // 2))
    assert ks(u, lambda v: v) < KS_LIMIT
    assert abs(mean_z(u, 0.5, 1 / 12)) < Z_LIMIT


OTHERS = {
    "next dimension": {"dim": 1},
    "dimension 2": {"dim": 2},
    "last dimension": {"dim": 2**20 - 1},
    "another key word 0": {"key": (12346, 67890)},
    "another key word 1": {"key": (12345, 67891)},
    "swapped key": {"key": (67890, 12345)},
    **{f"purpose {name}": {"purpose": number} for name, number in PURPOSES.items() if number},
}


@pytest.mark.parametrize("other", OTHERS)
def test_streams_are_independent(normals, other):
    second = stream(**OTHERS[other])
    assert abs(correlation_z(normals, second)) < Z_LIMIT
    assert abs(square_correlation_z(normals, second)) < Z_LIMIT
    # Shifted by a chain and by a step, in case one stream is the other delayed.
    assert abs(correlation_z(normals[:, 1:], second[:, :-1])) < Z_LIMIT
    assert abs(correlation_z(normals[2:], second[:-2])) < Z_LIMIT


# ---- the statistics can fail: broken generators, and the statistics that must see each ----


def test_the_numpy_model_passes():
    # Otherwise the failures below would prove nothing.
    assert not failing(box_muller(*words_of()))


BROKEN = {
    "sign bit of the first ignored": (
        lambda r0, r1: box_muller(r0, r1, octants=6),
        {"moment 1", "even moment 1", "even moment 3", "KS"},
    ),
    "sign bit of the second ignored": (
        lambda r0, r1: box_muller(r0, r1, octants=5),
        {"moment 1", "odd moment 1", "odd moment 3", "KS"},
    ),
    # The pair as a whole keeps its law: only its members show it.
    "swap bit ignored": (
        lambda r0, r1: box_muller(r0, r1, octants=3),
        {"even moment 2", "odd moment 2", "even moment 4"},
    ),
    "one bit for both signs": (
        lambda r0, r1: box_muller(r0, (r1 & ~np.uint64(2)) | ((r1 & np.uint64(1)) << np.uint64(1))),
        {"two normals of one call", "step lag 1"},
    ),
    "cosine twice": (
        lambda r0, r1: np.repeat(box_muller(r0, r1)[0::2], 2, axis=0),
        {"two normals of one call", "two normals of one call, squares", "step lag 1"},
    ),
    "half of the calls reused one call later": (
        lambda r0, r1: box_muller(*(np.repeat(r[0::2], 2, axis=0) for r in (r0, r1))),
        {"step lag 2", "step lag 2, squares"},
    ),
    "neighbouring chains share": (
        lambda r0, r1: box_muller(*(np.repeat(r[:, 0::2], 2, axis=1) for r in (r0, r1))),
        {"chain lag 1", "chain lag 1, squares"},
    ),
    "neighbours share the radius": (
        lambda r0, r1: box_muller(np.repeat(r0[:, 0::2], 2, axis=1), r1),
        {"chain lag 1, squares"},
    ),
    # Too fine a grid for KS at this N; the missing tail shows in the moments.
    "words of 8 bits": (
        lambda r0, r1: box_muller(r0 | np.uint64(2**56 - 1), r1),
        {"moment 2", "moment 4"},
    ),
    "2 % too wide": (lambda r0, r1: 1.02 * box_muller(r0, r1), {"moment 2", "moment 4", "KS"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_generators_fail(name):
    build, must_see = BROKEN[name]
    seen = failing(build(*words_of()), must_see)
    assert must_see == set(seen), f"not seen: {must_see - set(seen)}"


def test_correlation_sees_equal_streams(normals):
    mixed = np.where(np.arange(normals.shape[1]) % 50 == 0, normals, stream(dim=1))
    assert abs(correlation_z(normals, mixed)) > Z_LIMIT
    assert abs(square_correlation_z(normals, -mixed)) > Z_LIMIT
