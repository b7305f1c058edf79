"""Samples of any energy by one call, with what tells whether to believe them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._runtime import html
from ._runtime.check import describe, integer, samples
from ._runtime.errors import FastEBMWarning, SamplingInterrupted
from ._runtime.progress import bar
from ._runtime.seed import seed_sequence
from .diagnostics import Diagnostic, ess, mode_occupancy, rhat
from .energies.base import Energy, as_energy
from .samplers import HMC, Sampler, Tempering, tune
from .samplers.base import as_sampler

# R-hat of Vehtari et al. (2021), and effective samples: what posterior summaries need at least.
GOOD_RHAT, LEAST_ESS = 1.01, 400.0
# Beyond this R-hat after the first rounds chains do not forget where they began: a ladder is tried.
STUCK_RHAT = 1.05
# Draws of each chain that are kept, at most: half of them are dropped where there are more.
MOST_DRAWS = 512
FIRST_DRAWS = 128
# The ladder: up to this temperature, in steps that exchange at a good rate for a density of so many features.
HOTTEST, MOST_RUNGS = 100.0, 32
# Starts are brought down by so many normalised gradient steps, for a chain far out in a steep tail never comes in: a
# step that suits the density overshoots there.
DESCENT = 200
# Standard errors by which the share of a mode may be off.
MODE_Z = 5.0


@dataclass(frozen=True, eq=False)
class Sample(html.Shown):
    """What `sample` returns.

    Attributes
    ----------
    x : ndarray of shape (n_samples, n_features)
        The samples.
    trace : ndarray of shape (n_draws, n_chains, n_features), or None
        The chains that they were taken from; None for independent samples.
    rhat : ndarray of shape (n_features,)
        Rank-normalised split R-hat; 1 for independent samples.
    ess : ndarray of shape (n_features,)
        Effective samples, the smaller of bulk and tail.
    warnings : list of Diagnostic
        Why the samples should not be believed; empty if nothing speaks against them.
    sampler : Sampler or None
        What moved the chains, as it was tuned; None for independent samples.
    acceptance_rate : float or None
    n_steps : int
        Steps of each chain, warm-up included.
    energy : Energy or None
        What was sampled, the object itself and no copy, for pictures; None after a pickle.
    every : int
        Steps from one draw of the trace to the next.

    Examples
    --------
    >>> import fastebm as fe
    >>> drawn = fe.sample(fe.DoubleWell(2), 500, seed=1)
    >>> drawn.x.shape, drawn.warnings, bool((drawn.ess >= 400).all())
    ((500, 2), [], True)
    """

    x: np.ndarray
    trace: np.ndarray | None
    rhat: np.ndarray
    ess: np.ndarray
    sampler: Sampler | None
    acceptance_rate: float | None
    n_steps: int
    warnings: list[Diagnostic] = field(default_factory=list)
    energy: Energy | None = None
    every: int = 1

    def __getstate__(self):
        return self.__dict__ | {"energy": None}

    def to_arviz(self, *, names=None):
        """The chains as ArviZ takes them (InferenceData, or a DataTree from ArviZ 1.0 on)."""
        from .interchange import to_arviz

        return to_arviz(self.x[:, None] if self.trace is None else self.trace, names=names)

    def __repr__(self) -> str:
        said = ", ".join(w.code for w in self.warnings) or "none"
        how = (
            "independent" if self.sampler is None else f"{type(self.sampler).__name__}, {self.n_steps} steps"
        )
        return (
            f"Sample({len(self.x)} x {self.x.shape[1]}, {how}, rhat {np.max(self.rhat):.3f}, "
            f"ess {np.min(self.ess):.0f}, warnings: {said})"
        )

    def _html(self) -> str:
        rows = [("samples", len(self.x)), ("features", self.x.shape[1])]
        if self.sampler is None:
            rows.append(("drawn", "independently"))
        else:
            rows += [("sampler", html.code(self.sampler)), ("steps of each chain", self.n_steps)]
        rows += [
            ("largest R-hat", f"{np.max(self.rhat):.4f}"),
            ("effective samples, fewest", f"{np.min(self.ess):,.0f}"),
        ]
        if self.x.shape[1] <= 8:
            rows += [("mean", html.short(self.x.mean(axis=0)))]
            rows += [("standard deviation", html.short(self.x.std(axis=0)))]
        return html.card("Sample", rows, html.verdict(self.warnings))


def sample(
    energy,
    n_samples,
    *,
    x0=None,
    seed=None,
    sampler=None,
    n_chains=64,
    max_steps=20_000,
    n_threads=None,
    progress=False,
) -> Sample:
    """Draw from exp(-E) / Z: choose a sampler, tune it, run it until its chains agree, or say that they do not.

    An energy that can be sampled directly is. For any other, `HMC` is tuned on n_chains chains and run until R-hat is
    at most 1.01 in every feature and in the energy, and at least min(n_samples, 400) samples are effective; where
    chains still disagree after a quarter of max_steps, `Tempering` takes over.

    Parameters
    ----------
    energy : Energy
    n_samples : int
        At least 1.
    x0 : array-like of shape (n, n_features), optional
        Places to start from, spread wider than the density; chains take them in turn. By default around the modes where
        they are known, otherwise from N(0, 3^2): give x0 where the density may be elsewhere, for chains that
        all start in one mode cannot tell that there is another.
    seed, n_threads
        As in ``sampler.sample``: the same seed gives the same bytes.
    sampler : Sampler, optional
        What to use; an independent sampler is then not looked for, and no ladder is tried.
    n_chains : int, default 64
        At least 4.
    max_steps : int, default 20000
        Steps of each chain, after which the best there is comes back with warnings.
    progress : bool, default False
        Show a progress bar (needs tqdm).

    Returns
    -------
    Sample
        ``x``, with ``rhat``, ``ess`` and ``warnings``; the first of these is also a Python warning, `FastEBMWarning`.

    Raises
    ------
    ValueError, TypeError
        If an argument is of the wrong kind, or no chain can start.
    NonFiniteError
        If the energy or its gradient is not a number.
    SamplingInterrupted
        After Ctrl-C. It is a KeyboardInterrupt, and its ``result`` is the `Sample` of what was drawn until then.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 2021 (R-hat, effective samples).

    Examples
    --------
    >>> import fastebm as fe
    >>> draws = fe.sample(fe.Tempered(fe.DoubleWell(2), 2.0), 1000, seed=1)
    >>> draws.x.shape, draws.warnings, bool(draws.rhat.max() < 1.01)
    ((1000, 2), [], True)
    """
    as_energy(energy)
    n = integer(n_samples, "n_samples", 1)
    chains = integer(n_chains, "n_chains", 4, 1_000_000)
    budget = integer(max_steps, "max_steps", 1)
    if sampler is not None:
        as_sampler(sampler).check_for(energy)
        if sampler.exact_at is not None and sampler.exact_at != 1.0:
            raise ValueError(f"{sampler!r} samples exp(-E / {sampler.exact_at:g}), not exp(-E)")
    sequence = seed_sequence(seed)
    streams = _Streams(sequence)
    start = None if x0 is None else samples(x0, energy.n_features, "x0")[0]
    if sampler is None and energy.has_exact_sample:
        x = energy.exact_sample(n, streams.next())
        ones = np.ones(energy.n_features)
        return Sample(x, None, ones, n * ones, None, None, 0, energy=energy)
    begin = _starts(energy, start, chains, np.random.default_rng(streams.next()))
    show = bar(progress, budget, "sampling", "step") if progress else None
    run: Any = None
    interrupted = False
    try:
        run = _Chains(energy, begin, sampler or HMC("auto", 8), streams, n_threads, show)
        run.until_good(min(float(n), LEAST_ESS), budget, None if sampler else STUCK_RHAT)
        if sampler is None and not run.good and run.rhat.max() > STUCK_RHAT and run.n_steps < budget:
            hot = Tempering(HMC("auto", 8), _ladder(energy.n_features), swap_every=2)
            before, run = run.n_steps, _Chains(energy, begin, hot, streams, n_threads, show)
            run.until_good(min(float(n), LEAST_ESS), budget - before, None)
            run.n_steps += before
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if show is not None:
            show.close()
    if interrupted and (run is None or not len(run.trace)):
        raise SamplingInterrupted("interrupted before anything was drawn", None)
    found = run.warnings(energy)
    result = Sample(
        run.take(n),
        run.trace,
        run.rhat[:-1],
        run.ess[:-1],
        run.sampler,
        run.acceptance_rate,
        run.n_steps,
        found,
        energy,
        run.thin,
    )
    if interrupted:
        raise SamplingInterrupted(
            f"interrupted after {run.n_steps:,} steps of each chain; .result of this error is the Sample of what was "
            "drawn, with its rhat and warnings",
            result,
            run.n_steps,
        )
    if found:
        warnings.warn(" ".join(str(found[0]).split()), FastEBMWarning, stacklevel=2)
    return result


class _Streams:
    """Independent seeds, one after another."""

    def __init__(self, sequence):
        self.sequence, self.count = sequence, 0

    def next(self):
        self.count += 1
        key = (*self.sequence.spawn_key, 11, self.count)
        return np.random.SeedSequence(self.sequence.entropy, spawn_key=key)


class _Chains:
    """Chains on their way, their trace, and what it says of itself."""

    def __init__(self, energy, x, sampler, streams, n_threads, show):
        tuned = tune(sampler, energy, x, seed=streams.next(), n_threads=n_threads)
        self.energy, self.sampler, self.show, self.n_threads = energy, tuned.sampler, show, n_threads
        self.n_steps, self.seed = tuned.n_steps, streams.next()
        self.state, self.thin = tuned.x, 1
        self.trace, self.n_chains = np.empty((0, *x.shape)), len(x)
        self.rhat = self.ess = np.full(energy.n_features + 1, np.nan)
        self.acceptance_rate = None
        self.wanted = math.inf

    @property
    def good(self) -> bool:
        return bool((self.rhat <= GOOD_RHAT).all() and (self.ess >= self.wanted).all())

    def until_good(self, wanted, budget, stuck):
        """Double the number of steps until R-hat and ESS are good, the budget is spent, or chains are stuck."""
        self.wanted = wanted
        draws, rounds = FIRST_DRAWS, 0
        while True:
            draws = max(4, min(draws, (budget - self.n_steps) // self.thin))
            fresh = self.seed if rounds == 0 else None
            try:
                result = self.sampler.run(
                    self.energy,
                    self.state,
                    draws * self.thin,
                    seed=fresh,
                    thin=self.thin,
                    n_threads=self.n_threads,
                )
            except SamplingInterrupted as stopped:
                self._keep(stopped, rounds)
                raise
            self.state, self.acceptance_rate = result.state, result.acceptance_rate
            self.n_steps += draws * self.thin
            rounds += 1
            if self.show is not None:
                self.show.update(draws * self.thin)
            # What came before is warm-up: the chains were still on their way.
            trace = result.trace.reshape(draws, len(result.x), -1)
            self.trace = trace if rounds <= 2 else np.concatenate([self.trace, trace])
            self._look()
            if self.good or self.n_steps + 4 * self.thin > budget:
                return
            if stuck is not None and self.n_steps > budget // 4 and self.rhat.max() > stuck:
                return
            if len(self.trace) >= MOST_DRAWS:
                # The older half goes, of the rest every second draw stays.
                self.trace = self.trace[len(self.trace) // 2 :][1::2]
                self.thin *= 2
            draws = MOST_DRAWS - len(self.trace)

    def _keep(self, stopped, rounds):
        """Add what an interrupted round drew, where it moved every chain."""
        part = stopped.result
        if part is None or len(part.x) < self.n_chains:
            return
        self.n_steps, self.acceptance_rate = self.n_steps + stopped.n_steps, part.acceptance_rate
        trace = part.trace.reshape(len(part.trace), len(part.x), -1)
        self.trace = (
            np.concatenate([self.trace, trace]) if rounds > 1 or len(trace) < len(self.trace) else trace
        )
        self._look()

    def _look(self):
        rows = self.trace.reshape(-1, self.trace.shape[-1])
        e = self.energy.energy(rows).reshape(*self.trace.shape[:2], 1)
        watched = np.concatenate([self.trace, e], axis=2)
        if len(watched) < 10:
            self.rhat = self.ess = np.full(watched.shape[2], np.nan)
            return
        self.rhat = np.nan_to_num(np.atleast_1d(rhat(watched)), nan=np.inf)
        self.ess = np.minimum(*[np.atleast_1d(ess(watched, kind=kind)) for kind in ("bulk", "tail")])

    def take(self, n):
        """n states of the trace, evenly spaced; more than there are come from going round again."""
        rows = self.trace.reshape(-1, self.trace.shape[-1])
        if n > len(rows):
            return rows[np.arange(n) % len(rows)].copy()
        return rows[(np.arange(n) * len(rows)) // n].copy()

    def warnings(self, energy):
        """What speaks against the samples."""
        found = []
        worst = float(self.rhat.max())
        if not worst <= GOOD_RHAT:
            severity = "error" if not worst <= 1.1 else "warning"
            found.append(
                Diagnostic(
                    "rhat",
                    worst,
                    GOOD_RHAT,
                    f"the chains disagree after {self.n_steps} steps: some parts of the density have not been reached "
                    "by all of them",
                    "give sampler=Tempering(HMC('auto'), temperatures), x0 or more max_steps",
                    severity,
                )
            )
        if not (self.ess >= self.wanted).all():
            found.append(
                Diagnostic(
                    "ess",
                    float(np.min(self.ess)),
                    self.wanted,
                    f"fewer samples are effective than {self.wanted:.0f} after {self.n_steps} steps",
                    "give more max_steps or n_chains",
                )
            )
        if not self.sampler.adjusted:
            found.append(
                Diagnostic(
                    "unadjusted",
                    1.0,
                    0.0,
                    f"{self.sampler!r} has no accept step: its law is off by its step size",
                    "use MALA or HMC",
                )
            )
        shares = energy.mode_shares
        if shares is not None and len(shares) > 1 and len(self.trace):
            seen = mode_occupancy(self.trace, energy)
            # No more independent chains than there are, however many draws.
            error = np.sqrt(shares * (1 - shares) / max(self.trace.shape[1], float(np.min(self.ess)) or 1.0))
            z = np.abs(seen - shares) / np.maximum(error, 1e-12)
            if z.max() > MODE_Z and np.abs(seen - shares).max() > 0.01:
                j = int(z.argmax())
                found.append(
                    Diagnostic(
                        "mode_imbalance",
                        float(z[j]),
                        MODE_Z,
                        f"mode {j + 1} has {100 * seen[j]:.1f} % of the samples, but {100 * shares[j]:.1f} % of "
                        "the mass",
                        "use Tempering",
                        "error",
                    )
                )
        return found


def _ladder(n_features):
    # Neighbours overlap where the ratio of temperatures is 1 + O(1 / sqrt(n_features)).
    rungs = 2 + math.ceil(math.log(HOTTEST) * math.sqrt(max(n_features, 2) / 2.0))
    return np.geomspace(1.0, HOTTEST, min(rungs, MOST_RUNGS))


def _descended(energy, x):
    """The rows after some steps downhill of a length of their own, whatever the slope; a row that would leave the
    density stays."""
    for i in range(DESCENT):
        g = energy.grad(x).reshape(x.shape)
        length = np.sqrt((g * g).sum(axis=1, keepdims=True))
        moved = x - 0.3 * 0.98**i * np.divide(g, length, out=np.zeros_like(g), where=length > 0)
        inside = np.isfinite(energy._energy_with_walls(moved))
        x = np.where(inside[:, None], moved, x)
    return x


def _starts(energy: Energy, x0, chains, rng):
    if x0 is not None:
        e = energy._energy_with_walls(x0)
        if not np.isfinite(e).any():
            raise ValueError(
                "the energy is infinite at every row of x0; give rows where the density is not zero"
            )
        x0 = x0[np.isfinite(e)]
        return x0[np.arange(chains) % len(x0)].copy()
    modes, scales = energy.modes, energy.mode_scales
    found = np.empty((0, energy.n_features))
    # Where there are walls, more tries.
    for _ in range(100):
        z = rng.standard_normal((4 * chains, energy.n_features))
        if modes is None or scales is None:
            tries = 3.0 * z
        else:
            at = rng.integers(len(modes), size=len(z))
            tries = modes[at] + 2.0 * scales[at] * z
        found = np.concatenate([found, tries[np.isfinite(energy._energy_with_walls(tries))]])
        if len(found) >= chains:
            return found[:chains] if modes is not None else _descended(energy, found[:chains])
    raise ValueError(f"the energy of {describe(energy)} is infinite wherever a chain was to start; give x0")
