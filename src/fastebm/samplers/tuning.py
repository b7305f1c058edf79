"""Step size and preconditioner, found by a warm-up of the population and then frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._runtime import html
from .._runtime.check import samples
from .._runtime.errors import NonFiniteError, SamplingInterrupted
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from .base import as_sampler, set_tuner

# (rounds, least steps of a round) of the windows of the warm-up: about 1,000 steps, as on a curved shape (Rosenbrock's)
# a step that fits after 90 is accepted half as often once the chains have spread. After each window but the last the
# preconditioner is estimated, from the second half of its draws.
WINDOWS = ((50, 1), (50, 2), (100, 4), (100, 4))
# Proposals that a round's acceptance rate is taken from, at least.
PROPOSALS = 64
# Fewer draws than this tell nothing about the scale of a feature.
ENOUGH_DRAWS = 50
# Dual averaging (Hoffman and Gelman 2014). Their gamma of 0.05 is for one chain that starts from far away: rates that
# vary by 0.1 from round to round, as those of jittered paths do, move the log step by 2, and its mean is then too short
# (acceptance 0.89 where 0.8 was aimed at). Here the start is right within a factor of two.
GAMMA, DELAY, KAPPA = 0.25, 10.0, 0.75


@dataclass(frozen=True, eq=False)
class Tuning(html.Shown):
    """What `tune` found.

    Attributes
    ----------
    sampler : Sampler
        The sampler with its step size, and its scale if it had none, as numbers.
    x : ndarray, shaped like x0
        Where the warm-up left the chains.
    acceptance_rate : float or None
        Of the second half of the last rounds; None if nothing had to be tuned.
    n_steps : int
        Steps that each chain took.

    Examples
    --------
    >>> import fastebm as fe
    >>> found = fe.tune(fe.MALA("auto"), fe.Gaussian(0.0, 4.0), [0.0] * 200, seed=1)
    >>> isinstance(found.sampler.step_size, float), found.x.shape, 0.3 < found.acceptance_rate < 0.9
    (True, (200,), True)
    """

    sampler: object
    x: np.ndarray
    acceptance_rate: float | None
    n_steps: int

    def _html(self) -> str:
        rate = None if self.acceptance_rate is None else f"{100 * self.acceptance_rate:.1f} %"
        rows = [("sampler", html.code(self.sampler)), ("accepted", rate), ("steps", self.n_steps)]
        return html.card("Tuning", [*rows, ("chains", len(self.x))])


class _Average:
    """Dual averaging of a log step size towards a target acceptance rate."""

    def __init__(self, step: float):
        self.mu = math.log(step)
        self.error = self.mean = 0.0
        self.count = 0
        self.log_step = math.log(step)

    def update(self, error: float) -> None:
        self.count += 1
        weight = 1.0 / (self.count + DELAY)
        self.error = (1.0 - weight) * self.error + weight * error
        self.log_step = self.mu - math.sqrt(self.count) / GAMMA * self.error
        share = self.count**-KAPPA
        self.mean = share * self.log_step + (1.0 - share) * self.mean


class _WarmUp:
    """Chains on their way, and the numbers of the rounds so far."""

    def __init__(self, energy, x, temperature, seed, n_threads, show):
        self.energy, self.x, self.n_threads, self.show = energy, x, n_threads, show
        self.entropy = seed
        self.round = self.n_steps = 0
        self.rate = None
        self.temperature = temperature

    def run(self, sampler, n_steps, thin=None):
        stream = np.random.SeedSequence(
            self.entropy.entropy, spawn_key=(*self.entropy.spawn_key, 7, self.round)
        )
        self.round += 1
        result = sampler.run(self.energy, self.x, n_steps, seed=stream, n_threads=self.n_threads, thin=thin)
        self.n_steps += n_steps
        if self.show is not None:
            self.show.update(1)
        return result

    def first_step(self, sampler) -> float:
        """A step size, to within a factor of two, at which the acceptance rate crosses the target."""
        step, direction = 1.0, 0
        for _ in range(100):
            high = self.acceptance(sampler.with_arguments(step_size=step)) > sampler.target_acceptance
            now = 1 if high else -1
            if direction and now != direction:
                return step
            direction = now
            step *= 2.0**now
        raise ValueError(
            f"no step size between 2**-100 and 2**100 gives {sampler!r} an acceptance rate of "
            f"{sampler.target_acceptance:g}; check the energy, or give a step_size"
        )

    def acceptance(self, sampler) -> float:
        """Accepted share of one move from where the chains are; where numbers end, nothing is accepted."""
        try:
            result = self.run(sampler, max(1, PROPOSALS // (4 * len(self.x))))
        except NonFiniteError:
            return 0.0
        return result.acceptance_rate

    def tune(self, sampler):
        """The sampler with numbers in place of "auto". Chains that were warmed up elsewhere are put back."""
        before = self.x
        tuned = self._tune(sampler)
        if sampler.temperature != self.temperature:
            self.x = before
        return tuned

    def _tune(self, sampler):
        twin = sampler.adjusted_twin()
        target = sampler.target_acceptance
        n_features = self.energy.n_features
        learn_scale = n_features > 1 and sampler.scale is None
        steps = max(1, -(-PROPOSALS // len(self.x)))
        frozen = step = None
        for window, (n_rounds, least) in enumerate(WINDOWS):
            average = _Average(self.first_step(twin) if step is None else step)
            draws, rates = [], []
            for i in range(n_rounds):
                moved = twin.with_arguments(step_size=math.exp(average.log_step))
                result = self.run(moved, max(steps, least), 1)
                self.x = result.x
                average.update(target - result.acceptance_rate)
                if i >= n_rounds // 2:
                    draws.append(result.trace.reshape(-1, n_features))
                    rates.append(result.acceptance_rate)
            step = math.exp(average.mean)
            self.rate = float(np.mean(rates))
            frozen = {"step_size": step}
            if learn_scale and window < len(WINDOWS) - 1:
                scale = self.scale(np.concatenate(draws))
                if scale is not None:
                    twin = twin.with_arguments(scale=scale)
                    step = None
        if twin.scale is not None:
            frozen["scale"] = twin.scale
        return sampler.with_arguments(**frozen)

    def scale(self, draws):
        """sqrt(spread of x / spread of its gradient): the scale of a normal law, between those of a well and of the
        whole for others; None from too few draws. By quartiles: a chain that is still on its way counts for little."""
        if len(draws) < ENOUGH_DRAWS:
            return None
        with np.errstate(all="ignore"):
            g = np.median(np.abs(self.energy.grad(draws).reshape(draws.shape)), axis=0) / 0.6745
            x = np.subtract(*np.percentile(draws, [75.0, 25.0], axis=0)) / 1.349
            scale = np.sqrt(x / g)
        good = np.isfinite(scale) & (scale > 0)
        if not good.any():
            return None
        return np.where(good, scale, np.exp(np.log(scale[good]).mean()))


def tune(sampler, energy, x0, *, seed=None, n_threads=None, progress=False) -> Tuning:
    """Find the step size of a sampler that was made with ``step_size="auto"``, and its scale if it has none.

    The chains are warmed up for 300 rounds of at least 64 proposals, about 1,000 steps; the step size follows the
    acceptance rate of all chains by dual averaging, to the sampler's ``target_acceptance``. Samplers without an accept
    step are tuned by the one that adds it. The scale of a feature is ``sqrt(spread(x) / spread(dE/dx))``, by quartiles.
    Then all is frozen, so that the law of the run that follows is the frozen sampler's.

    Parameters
    ----------
    sampler : Sampler
        In a `cycle`, or under a `Tempering` ladder, every part that says "auto" is tuned.
    energy : Energy
    x0 : array-like of shape (n_chains, n_features), or (n_chains,) if n_features is 1
        Where the chains start. What is found depends on all of them.
    seed, n_threads
        As in ``sampler.sample``: the same seed gives the same bytes for any number of threads.
    progress : bool, default False
        Show a progress bar (needs tqdm).

    Returns
    -------
    Tuning
        ``sampler``, the frozen one, and ``x``, where the chains are.

    Raises
    ------
    ValueError, TypeError
        If an argument is of the wrong kind, or no step size gives the acceptance rate that is aimed at.
    NonFiniteError
        If the energy or its gradient is not a number.

    References
    ----------
    Hoffman and Gelman, The No-U-Turn sampler, 2014 (dual averaging).

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> narrow = fe.Gaussian(np.zeros(2), np.diag([1.0, 0.01]))
    >>> tuned = fe.tune(fe.MALA("auto"), narrow, np.ones((200, 2)), seed=1)
    >>> bool(8 < tuned.sampler.scale[0] / tuned.sampler.scale[1] < 12)
    True
    """
    as_sampler(sampler)
    x, flat = samples(x0, energy.n_features, "x0")
    if not sampler.automatic:
        return Tuning(sampler, x.reshape(-1).copy() if flat else x.copy(), None, 0)
    sampler.check_for(energy)
    show = bar(progress, sum(n for n, _ in WINDOWS), "tuning", "round") if progress else None
    warm_up = _WarmUp(energy, x.copy(), sampler.temperature, seed_sequence(seed), n_threads, show)
    try:
        tuned = sampler.tuned_by(warm_up.tune)
    except KeyboardInterrupt:
        # What its runs have to show is of no use to anybody.
        raise SamplingInterrupted(
            "interrupted while the step size was tuned; nothing is kept", None
        ) from None
    finally:
        if show is not None:
            show.close()
    end = warm_up.x
    return Tuning(tuned, end.reshape(-1) if flat else end, warm_up.rate, warm_up.n_steps)


set_tuner(tune)
