"""Training by contrastive divergence: lower the energy of data, raise it where the model's chains are."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from .._check import choice, describe, first_bad, integer, interval, numeric, real, samples
from .._control import Control
from .._errors import ModelFileError, TrainingError, TrainingInterrupted
from .._progress import bar
from .._seed import seed_sequence
from ..energies.base import Energy
from ..energies.well_mixture import WellMixture
from ..samplers.base import Sampler
from ..samplers.mala import MALA
from ..samplers.sgld import SGLD
from . import after_fit, recipes
from ._loop import Loop
from .checkpoint import Checkpoint, Writer, data_digest, read_checkpoint
from .replay import ReplayBuffer
from .result import TrainingResult, history_array


class TrainingState(NamedTuple):
    """What a callback sees after an update."""

    update: int
    theta: np.ndarray
    energy_data: float
    energy_model: float


class ContrastiveDivergence:
    r"""Fits the parameters of an energy to data.

    One update draws a batch of data, moves the model's chains by `n_steps` of the sampler, and takes a gradient step on

    .. math:: L(\theta) = \mathrm{mean}_{data} E_\theta - \mathrm{mean}_{chains} E_\theta + \sum_p l2_p \theta_p^2,

    whose gradient is an estimate of that of the negative log-likelihood. The defaults reach the maximum-likelihood
    optimum where the chains mix: chains that persist from update to update and are never reinitialised, the
    Metropolis-adjusted sampler, one global move per update, and the mean of theta over the last half of the updates.

    Parameters
    ----------
    energy : Energy
        Its theta is the starting point. The object itself is not modified.
    sampler : Sampler, optional
        Moves the chains. By default MALA with a step size of a quarter of the narrowest variance in the data (over
        features and k-means groups).
    n_updates : int, default 800
        Number of gradient steps.
    n_steps : int, default 5
        Sampler steps of every chain per update.
    batch_size : int, optional
        Rows of data per update, drawn without replacement; by default 256, or all if there are fewer.
    n_chains : int, default 256
        Number of chains. With ``buffer="fifo"``, the negatives of one update.
    learning_rate : float, default 0.1
        Length of a step.
    optimizer : {"sgd", "adam"}, default "sgd"
        Adam uses betas 0.9, 0.999. It turns a small constant bias of the chains into a steady drift; prefer "sgd".
    buffer : {"persistent", "fifo"}, default "persistent"
        "persistent" updates the chains in place. "fifo" is the replay buffer of the teaching notebook: finished
        chains are
        appended, starts are drawn from the store, and a fraction `reinit_prob` of them starts afresh.
    buffer_size : int, optional
        Capacity of the FIFO store, by default 14,000.
    reinit_prob : float, default 0.0
        Fraction (fifo) or probability per chain and update (persistent) of starting from a uniform draw. Anything but 0
        biases the fit: such chains have no time to find their share of each mode.
    reinit_range : (float, float), optional
        Interval of those draws in every feature; by default the range of the data.
    l2 : float or array-like of shape (n_params,), default 0.0
        Penalty weights.
    theta_bounds : (low, high), optional
        Numbers or arrays of shape (n_params,); theta is kept inside.
    average : float, default 0.5
        The fitted theta is the mean over this last fraction of the updates (Polyak averaging); 0 takes the last theta.
    init : {"auto", "data", "uniform", "model"}, default "auto"
        Where persistent chains start: at rows of the data, uniformly on `reinit_range`, or at exact samples of the
        starting
        energy (if it has ``exact_sample``). "auto" is "data", but "model" under Jarzynski weights, which are right only
        for chains that follow the starting energy.
    global_move : Sampler, "auto" or None, default "auto"
        A second sampler that takes `n_global` steps per update, so that chains change wells. "auto", for chains that
        persist: `IndependenceMH` over the range of the data in up to three features, above that `MixtureMH` on the
        k-means groups of the data.
    n_global : int, default 1
        Steps of the global move per update.
    weighting : {"none", "jarzynski"}, default "none"
        "jarzynski" weights every chain by the work done on it as theta changed, so that mode shares are right even
        where no chain changes its mode. It needs a Metropolis sampler, many chains (1024 and more) and a learning_rate
        of 0.03 or less: a finite population shifts the shares by about learning_rate * n_params / n_chains per update
        (three wells in ten dimensions, 800 updates: up to 0.003 nats lost at 0.03, up to 0.05 at 0.1).

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    See Also
    --------
    ContrastiveDivergence.notebook : the teaching notebook's recipe.

    References
    ----------
    Tieleman, Training restricted Boltzmann machines using approximations to the likelihood gradient, ICML 2008
    (persistent chains). Carbone, Hua, Coste and Vanden-Eijnden, Efficient training of energy-based models using
    Jarzynski
    equality, NeurIPS 2023 (weights).

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    >>> result = fe.ContrastiveDivergence(fe.WellMixture()).fit(truth.exact_sample(2400, seed=1), seed=2)
    >>> bool(abs(result.energy.weights_[0] - 0.55) < 0.05)
    True
    """

    def __init__(
        self,
        energy,
        sampler=None,
        *,
        n_updates=800,
        n_steps=5,
        batch_size=None,
        n_chains=256,
        learning_rate=0.1,
        optimizer="sgd",
        buffer="persistent",
        buffer_size=None,
        reinit_prob=0.0,
        reinit_range=None,
        l2=0.0,
        theta_bounds=None,
        average=0.5,
        init="auto",
        global_move="auto",
        n_global=1,
        weighting="none",
    ):
        if not isinstance(energy, Energy):
            raise TypeError(f"energy must be an Energy, got {describe(energy)}")
        if energy.n_params == 0:
            raise ValueError(f"energy {energy!r} has no parameters to train")
        for value, name in (
            (sampler, "sampler"),
            (None if global_move == "auto" else global_move, "global_move"),
        ):
            if value is not None and not isinstance(value, Sampler):
                raise TypeError(f"{name} must be a Sampler, got {describe(value)}")
            if value is not None:
                value._check_ready()
                value.check(energy)
        self.energy = energy
        self.sampler = sampler
        self.n_updates = integer(n_updates, "n_updates", 0, 2**40 - 1)
        self.n_steps = integer(n_steps, "n_steps", 0, 2**30)
        self.batch_size = None if batch_size is None else integer(batch_size, "batch_size", 1)
        self.n_chains = integer(n_chains, "n_chains", 1)
        self.learning_rate = real(learning_rate, "learning_rate", above=0)
        self.optimizer = choice(optimizer, "optimizer", ("sgd", "adam"))
        self.buffer = choice(buffer, "buffer", ("persistent", "fifo"))
        self.buffer_size = 14000 if buffer_size is None else integer(buffer_size, "buffer_size", 0)
        self.reinit_prob = real(reinit_prob, "reinit_prob", minimum=0, maximum=1)
        self.reinit_range = interval(reinit_range, "reinit_range")
        self.l2 = self._per_param(l2, "l2")
        if (self.l2 < 0).any():
            raise ValueError(f"l2 must not be negative, got {describe(l2)}")
        self.theta_bounds = self._bounds(theta_bounds)
        self.average = real(average, "average", minimum=0, maximum=1)
        self.init = choice(init, "init", ("auto", "data", "uniform", "model"))
        self.global_move = global_move
        self.n_global = integer(n_global, "n_global", 0, 2**30)
        self.weighting = choice(weighting, "weighting", ("none", "jarzynski"))
        if self.weighting == "jarzynski" and (self.buffer != "persistent" or self.reinit_prob > 0):
            raise ValueError(
                "weighting='jarzynski' needs buffer='persistent' and reinit_prob=0: a weight belongs to a chain"
            )
        if self.weighting == "jarzynski" and isinstance(sampler, SGLD):
            raise ValueError(
                "weighting='jarzynski' needs a sampler that leaves exp(-E) invariant: use MALA, not SGLD"
            )
        self.last_result = None

    @classmethod
    def notebook(cls, energy=None, **changes):
        """The teaching notebook's recipe: cold Langevin chains, a FIFO store, 30 % of the starts afresh.

        It is kept for comparison. Its fit is about 0.36 nats from the truth: 0.10 because 381 updates at this learning
        rate end too early, 0.26 because its noise belongs to a temperature of 0.066.

        Parameters
        ----------
        energy : WellMixture, optional
            By default the notebook's two wells in one dimension at its starting point.
        **changes
            Any argument of `ContrastiveDivergence`, to override.
        """
        if energy is None:
            energy = WellMixture(theta=[0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0])
        if not isinstance(energy, WellMixture) or (energy.n_wells, energy.n_features) != (2, 1):
            raise ValueError(
                f"the notebook's recipe is for two wells in one dimension, got {describe(energy)}"
            )
        well = np.array([3.0, 4.0, 3.0])
        high = np.concatenate([well, well, [np.finfo(float).max]])
        recipe = {
            "sampler": SGLD(0.055, noise_std=0.085, bounds=(-6.0, 6.0)),
            "n_updates": 381,
            "n_steps": 30,
            "batch_size": 96,
            "n_chains": 96,
            "learning_rate": 0.016,
            "buffer": "fifo",
            "buffer_size": 14000,
            "reinit_prob": 0.3,
            "reinit_range": (-4.5, 4.5),
            "l2": 8e-4 * np.array([1.0, 0.0, 0.2, 1.0, 0.0, 0.2, 0.0]),
            "theta_bounds": (-high, high),
            "average": 0.0,
            "global_move": None,
        }
        return cls(energy, **(recipe | changes))

    def fit(self, X, *, seed=None, progress=False, callback=None, checkpoint=None, checkpoint_every=100):
        """Train on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples,) if n_features is 1
            The data.
        seed : None, int, SeedSequence or Generator
            Seeds everything that is random. The same seed gives the same bytes on every instruction set.
        progress : bool, default False
            Show a progress bar (needs tqdm).
        callback : callable, optional
            Called with a `TrainingState` after every update; a true result ends training there.
        checkpoint : str or path-like, optional
            File from which `resume` can continue the run to the same bytes. Written at the start, every
            `checkpoint_every` updates, at the end and on Ctrl-C; each time as a whole or not at all, so that a kill
            at any moment leaves a good file.
        checkpoint_every : int, default 100
            Updates between two checkpoints.

        Returns
        -------
        TrainingResult

        Raises
        ------
        ValueError, TypeError
            If X does not fit the energy, is not finite, has fewer rows than batch_size or fewer distinct rows than
            wells, or if
            a feature has zero variance and no sampler is given.
        TrainingError
            If an energy, a gradient, a chain or theta stops being finite. It carries the last good theta and buffer.
        TrainingInterrupted
            On Ctrl-C. It carries the result so far, which is also kept as ``last_result``.
        OSError
            If a checkpoint cannot be written. The result so far is kept as ``last_result``.
        """
        x, flat = samples(X, self.energy.n_features)
        _check_callback(callback)
        if self.batch_size is not None and self.batch_size > len(x):
            raise ValueError(f"batch_size={self.batch_size} is larger than the data ({len(x)} rows)")
        sequence = seed_sequence(seed)
        # Children, so that a choice made from the data does not shift the stream of the chains.
        choices, stream = (copy.copy(sequence)).spawn(2)
        made = _choose(self, x, np.random.default_rng(choices))
        run = _Training(self, x, flat, made, stream)
        if checkpoint is not None:
            run.write_to(checkpoint, checkpoint_every)
        return run.run(progress, callback)

    @classmethod
    def resume(cls, path, X, *, progress=False, callback=None):
        """Continue a run from its checkpoint, which is kept up to date.

        Parameters
        ----------
        path : str or path-like
            What `fit` was given as ``checkpoint``.
        X : array-like
            The data of the run: the same rows in the same order.
        progress, callback
            As in `fit`.

        Returns
        -------
        TrainingResult
            Theta, history and buffer are, byte for byte, those of a run that was never stopped.

        Raises
        ------
        OSError
            If the file cannot be read.
        ModelFileError
            If the file is damaged, of a newer version, or no checkpoint.
        ValueError
            If X is not the data of the run.
        TrainingError, TrainingInterrupted
            As in `fit`.
        """
        n_features = np.shape(X)[1] if np.ndim(X) == 2 else 1
        x, _ = samples(X, n_features)
        _check_callback(callback)
        saved = read_checkpoint(path, x)
        try:
            trainer = cls(**saved.settings)
            run = _Training(
                trainer, x, saved.flat, saved.choices | {"chains": saved.state["chains"].copy()}, 0
            )
            run.loop.restore(saved.state)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ModelFileError(
                f"cannot resume from {str(path)!r}: its content is damaged ({error})"
            ) from None
        run.write_to(path, saved.every, written=run.loop.update)
        return run.run(progress, callback)

    def _settings(self):
        return {
            name: getattr(self, name)
            for name in (
                "energy",
                "sampler",
                "n_updates",
                "n_steps",
                "batch_size",
                "n_chains",
                "learning_rate",
                "optimizer",
                "buffer",
                "buffer_size",
                "reinit_prob",
                "reinit_range",
                "l2",
                "theta_bounds",
                "average",
                "init",
                "global_move",
                "n_global",
                "weighting",
            )
        }

    def _per_param(self, value, name):
        array = numeric(value, name)
        if array.ndim and array.shape != (self.energy.n_params,):
            raise ValueError(
                f"{name} must be a number or have shape ({self.energy.n_params},), got {array.shape}"
            )
        first_bad(np.atleast_1d(array), name)
        return np.broadcast_to(array, (self.energy.n_params,)).copy()

    def _bounds(self, value):
        if value is None:
            edge = np.full(self.energy.n_params, np.finfo(float).max)
            return -edge, edge
        try:
            low, high = value
        except (TypeError, ValueError):
            raise ValueError(
                f"theta_bounds must be a pair (low, high) or None, got {describe(value)}"
            ) from None
        low, high = self._per_param(low, "theta_bounds[0]"), self._per_param(high, "theta_bounds[1]")
        if not (low <= high).all():
            raise ValueError(f"theta_bounds are reversed: low {describe(low)} is above high {describe(high)}")
        return low, high

    def __repr__(self):
        return (
            f"{type(self).__name__}({self.energy!r}, sampler={self.sampler!r}, n_updates={self.n_updates}, "
            f"n_steps={self.n_steps}, buffer={self.buffer!r})"
        )


def _check_callback(callback):
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {describe(callback)}")


def _choose(trainer, x, rng):
    """What a run takes from the data: samplers, the reinitialisation box and the first chains."""
    groups = getattr(trainer.energy, "n_wells", 2)
    recipes.check_size(x)
    if isinstance(trainer.energy, WellMixture):
        recipes.check_distinct(x, groups)
    sampler = trainer.sampler or MALA(recipes.default_step_size(x, groups, rng))
    global_move = trainer.global_move
    if isinstance(global_move, str):
        persistent = trainer.buffer == "persistent"
        global_move = recipes.default_global_move(x, groups, rng) if persistent else None
    low, high = trainer.reinit_range or (x.min(axis=0), x.max(axis=0))
    low = np.broadcast_to(np.asarray(low, dtype=float), x.shape[1:]).copy()
    high = np.broadcast_to(np.asarray(high, dtype=float), x.shape[1:]).copy()
    chains = _first_chains(trainer, x, low, high, rng)
    return {"sampler": sampler, "global_move": global_move, "low": low, "high": high, "chains": chains}


def _first_chains(trainer, x, low, high, rng):
    n = trainer.n_chains
    if trainer.init == "model" or (trainer.init == "auto" and trainer.weighting == "jarzynski"):
        try:
            return trainer.energy.exact_sample(n, rng)
        except NotImplementedError:
            if trainer.init == "model":
                raise
    if trainer.init == "uniform":
        return rng.uniform(low, high, (n, x.shape[1]))
    return x[rng.choice(len(x), n, replace=n > len(x))]


class _Training:
    """One run: the choices made from the data, the compiled loop, and the result."""

    def __init__(self, trainer, x, flat, choices, stream):
        self.trainer, self.x, self.flat = trainer, x, flat
        # A copy: the loop moves its theta.
        self.energy = copy.copy(trainer.energy)
        self.sampler, self.global_move = choices["sampler"], choices["global_move"]
        self.low, self.high, self.chains = choices["low"], choices["high"], choices["chains"]
        self.raw = np.zeros((trainer.n_updates, 3 + self.energy.n_params))
        self.writer = None
        n = trainer.n_chains
        fifo = trainer.buffer == "fifo"
        self.store = np.empty((trainer.buffer_size if fifo else 0, x.shape[1]))
        self.control = Control(None, float(trainer.n_updates))
        self.loop = Loop(
            self.energy,
            self.sampler,
            self.global_move,
            x,
            store=self.store,
            ring=(0, 0),
            chains=self.chains,
            history=self.raw,
            n_updates=trainer.n_updates,
            n_steps=trainer.n_steps,
            global_steps=trainer.n_global,
            batch=min(trainer.batch_size or 256, len(x)),
            learning_rate=trainer.learning_rate,
            optimizer=trainer.optimizer,
            fifo=fifo,
            # The exact share, rounded down: 96 x 0.7 is 67, and 90 x 0.7 is 63 although 90 * 0.7 < 63 in floating
            # point.
            n_replay=int(n * (1.0 - trainer.reinit_prob) + 1e-9),
            reinit_prob=trainer.reinit_prob,
            reinit_low=self.low,
            reinit_high=self.high,
            l2=trainer.l2,
            lower=trainer.theta_bounds[0],
            upper=trainer.theta_bounds[1],
            average_from=int(trainer.n_updates * (1.0 - trainer.average)),
            weighted=trainer.weighting == "jarzynski",
            seed=stream,
            control=self.control,
        )

    def write_to(self, path, every, written=-1):
        """Write a checkpoint now, unless the file is of update `written`, and from now on."""
        kept = {
            "settings": self.trainer._settings(),
            "choices": {
                "sampler": self.sampler,
                "global_move": self.global_move,
                "low": self.low,
                "high": self.high,
            },
            "digest": data_digest(self.x),
            "flat": self.flat,
        }

        def take(every):
            return Checkpoint(state=self.loop.state(), every=every, **kept)

        self.writer = Writer(path, every, take, written)
        self.writer.write(self.loop.update)

    def run(self, progress, callback):
        total = self.trainer.n_updates
        display = bar(progress, total, "training", "update")
        self.control.bar = display
        try:
            status = self._advance(callback)
            # After a status above 0 the file keeps the last regular checkpoint.
            if self.writer is not None and status <= 0:
                self.writer.write(self.loop.update)
        except KeyboardInterrupt as interrupt:
            # It came in Python code, between two updates: while the last checkpoint was written, most likely.
            status, self.control.failure = -1, interrupt
        except OSError:
            self.trainer.last_result = self.result()
            raise
        finally:
            if display is not None:
                display.close()
        result = self.trainer.last_result = self.result()
        if status == 0:
            for check in after_fit.checks:
                result.warnings.extend(check(result, self.x))
            return result
        update = self.loop.update
        kept = f"the last good theta and buffer (after {update} complete updates) are on this error"
        if status > 0:
            raise TrainingError(
                f"update {update}: a chain, an energy, a gradient or theta is not finite; use a smaller step_size or "
                f"learning_rate, or set theta_bounds; {kept}",
                update,
                result,
                self.loop.last_theta,
            )
        failure = self.control.failure
        if isinstance(failure, KeyboardInterrupt):
            raise TrainingInterrupted(f"interrupted in update {update}; {kept}", result) from None
        if failure is not None:
            raise failure
        self.energy.raise_failure()

    def _advance(self, callback):
        try:
            return self._advance_in_parts(callback)
        except KeyboardInterrupt as error:
            # It came in Python code, between two updates: in the callback or while a checkpoint was written.
            self.control.failure = error
            return -1

    def _advance_in_parts(self, callback):
        loop, writer, total = self.loop, self.writer, self.trainer.n_updates
        while loop.update < total:
            part = total if writer is None else writer.due(loop.update)
            status = loop.advance(1 if callback is not None else part)
            if status:
                return status
            stop = callback is not None and callback(self._callback_state())
            if writer is not None and loop.update % writer.every == 0:
                writer.write(loop.update)
            if stop:
                break
        return 0

    def _callback_state(self):
        update = self.loop.update - 1
        row = self.raw[update]
        return TrainingState(update, self.loop.last_theta, float(row[0]), float(row[1]))

    def result(self):
        loop, trainer = self.loop, self.trainer
        done = loop.update
        theta = loop.average_theta if trainer.average > 0 else loop.last_theta
        energy = copy.copy(trainer.energy)
        energy.theta = theta
        if trainer.buffer == "fifo":
            buffer = ReplayBuffer._from_ring(self.store, *loop.ring, self.flat)
        else:
            buffer = ReplayBuffer._from_ring(self.chains, 0, len(self.chains), self.flat)
        counts = loop.counts
        return TrainingResult(
            energy=energy,
            theta=theta,
            history=history_array(self.raw[:done], energy.n_params),
            buffer=buffer,
            sampler=self.sampler,
            global_move=self.global_move,
            acceptance_rate=_rate(counts["accepted"], counts["proposed"]),
            global_acceptance_rate=_rate(counts["global_accepted"], counts["global_proposed"]),
            n_clipped=counts["clipped"],
            effective_sample_size=loop.smallest_ess,
            log_weights=loop.weights,
            settings={
                "n_steps": trainer.n_steps,
                "n_global": trainer.n_global,
                "n_chains": trainer.n_chains,
                "batch_size": min(trainer.batch_size or 256, len(self.x)),
                "learning_rate": trainer.learning_rate,
                "optimizer": trainer.optimizer,
                "buffer": trainer.buffer,
                "reinit_prob": trainer.reinit_prob,
                "reinit_range": (self.low, self.high),
                "l2": trainer.l2,
                "theta_bounds": trainer.theta_bounds,
                "average": trainer.average,
                "weighting": trainer.weighting,
            },
        )


def _rate(accepted, proposed):
    return accepted / proposed if proposed else None
