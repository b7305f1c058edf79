"""Training by contrastive divergence: lower the energy of data, raise it where the model's chains are."""

from __future__ import annotations

import copy
import inspect

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.errors import ModelFileError
from .._runtime.seed import seed_sequence
from .._runtime.threads import resolve
from ..energies.base import as_energy
from ..energies.well_mixture import WellMixture
from ..samplers.sgld import SGLD
from .after_fit import check_strict
from .checkpoint import read_checkpoint, with_functions
from .run import Training, choose
from .settings import Settings
from .trainer import Trainer, check_callback

NOTEBOOK_PARAMS = ("raw_a1", "m1", "k1", "raw_a2", "m2", "k2", "c")


class ContrastiveDivergence(Trainer):
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
        Adam turns a small constant bias of the chains into a steady drift; for few parameters prefer "sgd".
    betas : (float, float), default (0.9, 0.999)
        Adam's: how much of the mean gradient, and of its mean square, an update keeps.
    epsilon : float, default 1e-8
        Adam's: added to the root of the mean square.
    schedule : {"constant", "linear", "cosine"}, default "constant"
        The learning rate over the updates: as it is, or falling to 0 along a line or half a cosine.
    warm_up : int, default 0
        Updates over which the learning rate rises to its full length, before the schedule begins.
    hold : float, default 0.0
        Share of the updates after the warm-up that still have the full rate, before a schedule falls.
    clip_norm : float, optional
        Largest Euclidean norm of a gradient; a longer one is scaled down to it.
    buffer : {"persistent", "fifo"}, default "persistent"
        "persistent" updates the chains in place. "fifo" is the replay buffer of the teaching notebook: finished
        chains are appended, starts are drawn from the store, and a fraction `reinit_prob` of them starts afresh.
    buffer_size : int, optional
        Capacity of the FIFO store, by default 14,000.
    reinit_prob : float, default 0.0
        Fraction (fifo) or probability per chain and update (persistent) of starting from a uniform draw. Anything but 0
        biases the fit: such chains have no time to find their share of each mode.
    reinit_range : (float, float), optional
        Interval of those draws in every feature; by default the range of the data.
    l2 : float, array-like of shape (n_params,) or dict, default 0.0
        Penalty weights; as a dict, by the beginnings of names in ``energy.param_names``, the longest first.
    theta_bounds : (low, high), optional
        Numbers or arrays of shape (n_params,); theta is kept inside.
    average : float, default 0.5
        The fitted theta is the mean over this last fraction of the updates (Polyak averaging); 0 takes the last theta.
    ema : float, optional
        The fitted theta is an exponential moving average with this decay, between 0 and 1 (0.99 remembers about 100
        updates), in place of `average`.
    init : {"auto", "data", "uniform", "model"}, default "auto"
        Where persistent chains start: at rows of the data, uniformly on `reinit_range`, or at exact samples of the
        starting energy (if it has ``exact_sample``). "auto" is "data", but "model" under Jarzynski weights, which are
        right only for chains that follow the starting energy.
    global_move : Sampler, "auto" or None, default "auto"
        A second sampler that takes `n_global` steps per update, so that chains change wells. "auto", for chains that
        persist: `IndependenceMH` over the range of the data in up to three features, above that `MixtureMH` on the
        k-means groups of the data.
    n_global : int, default 1
        Steps of the global move per update.
    weighting : {"none", "jarzynski"}, default "none"
        "jarzynski" weights every chain by the work done on it as theta changed, so that mode shares are right even
        where no chain changes its mode. It needs samplers that are exact at temperature 1, chains that follow the
        starting energy, many chains and a small learning_rate: a finite population shifts the shares by about
        learning_rate * n_params / n_chains per update (three wells in ten dimensions, 800 updates, 1024 chains: up to
        0.003 nats lost at 0.03, up to 0.05 at 0.1). Two modes 12 widths apart with shares 0.8 and 0.2, started at equal
        shares, 800 updates at 0.1, without a global move, mean of 12 runs: the larger share came out 0.20 too large
        with plain chains (1.1 nats lost), and 0.13, 0.05 and 0.013 with 256, 1024 and 4096 weighted ones (0.09, 0.009
        and 0.0006 nats). With the default global move, and no weights, it was 0.001: where one is accepted, use it.
    trace_theta : bool or "auto", default "auto"
        Keep theta of every update in the history. "auto": if that is at most 2^24 numbers (128 MB); otherwise a thinned
        trace is kept as ``result.theta_trace``.
    data_noise : float or array-like of shape (n_features,), default 0.0
        Standard deviation of normal noise that every row of a batch gets anew: the density that is fitted is that of
        the noisy rows.
    augment : Noise, Shift, Flip, Crop, function, or a list of them, optional
        Changes of the rows of a batch, in this order, before the noise. A function is called as ``augment(X, rng)``
        with the rows of a batch, shape (n, n_features), and a NumPy generator that depends on the seed and the update;
        it returns rows of the same shape. A file does not hold it: give it to `resume` again.
    augment_chains : float, default 0.0
        Probability with which a chain that goes on from an earlier update begins the next one changed by `augment`
        (Du et al., Improved contrastive divergence training of energy-based models, ICML 2021).

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
    Jarzynski equality, NeurIPS 2023 (weights).

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    >>> result = fe.ContrastiveDivergence(fe.WellMixture()).fit(truth.exact_sample(2400, seed=1), seed=2)
    >>> bool(abs(result.energy.weights_[0] - 0.55) < 0.05)
    True
    """

    SETTINGS = Settings
    GIVEN = ("energy", "sampler")

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
        if as_energy(energy).param_names != NOTEBOOK_PARAMS:
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

    def fit(
        self,
        X,
        *,
        seed=None,
        progress=False,
        callback=None,
        checkpoint=None,
        checkpoint_every=100,
        diagnose=True,
        strict=False,
        n_threads=None,
        X_val=None,
        patience=None,
        eval_every=None,
    ):
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
        diagnose : bool, default True
            Run the checks of `fastebm.diagnose` on the result (about 20 ms for a small problem) and keep what they say
            as ``result.warnings``; what they could not look at is in ``result.not_checked``. An error among them is
            also a Python warning, `FastEBMWarning`. Without them nothing tells whether the fit can be trusted.
        strict : bool, default False
            Raise UntrustedFitError where the checks have any warning.
        n_threads : int, optional
            Threads that share every update; by default as `fastebm` runs elsewhere. The bytes are the same.
        X_val : array-like of shape (n, n_features), optional
            Held-out rows, to which `data_noise` is added once. Their log-likelihood is followed (in
            ``result.validation``), and theta of the best evaluation is returned. What is evaluated is the average that
            would be returned: a moving one (`ema`) suits stopping early; the mean over the last `average` of n_updates
            comes too late.
            Where log Z has no closed form it is followed by annealed importance sampling along the path of that theta,
            by 512 chains that no gradient sees.
        patience : int, optional
            Stop after this many evaluations in a row without a better one.
        eval_every : int, optional
            Updates between two evaluations; by default a fortieth of n_updates.

        Returns
        -------
        TrainingResult

        Raises
        ------
        ValueError, TypeError
            If X does not fit the energy, is not finite, has fewer rows than batch_size or fewer distinct rows than
            wells, or if a feature has zero variance and no sampler is given.
        TrainingError
            If an energy, a gradient, a chain or theta stops being finite. It carries the last good theta and buffer.
        TrainingInterrupted
            On Ctrl-C. It carries the result so far, which is also kept as ``last_result``.
        OSError
            If a checkpoint cannot be written. The result so far is kept as ``last_result``.
        UntrustedFitError
            With strict=True, if there are warnings. It carries the result.
        """
        x, flat = samples(X, self.energy.n_features)
        x_val = None if X_val is None else samples(X_val, self.energy.n_features, "X_val")[0]
        _check_validation(x_val, patience, eval_every)
        check_callback(callback)
        check_strict(strict, diagnose)
        if n_threads is not None:
            resolve(n_threads)
        return self._fit(
            x,
            flat,
            seed_sequence(seed),
            progress,
            callback,
            checkpoint,
            checkpoint_every,
            diagnose,
            strict,
            n_threads,
            held_out=(x_val, patience, eval_every),
        )

    def _fit(
        self,
        x,
        flat,
        sequence,
        progress=False,
        callback=None,
        checkpoint=None,
        checkpoint_every=100,
        diagnose=True,
        strict=False,
        n_threads=None,
        heard=True,
        held_out=(None, None, None),
    ):
        """`fit` for data, shape (n, n_features), that a door above has checked; without heard, it does not warn."""
        if self.batch_size is not None and self.batch_size > len(x):
            raise ValueError(f"batch_size={self.batch_size} is larger than the data ({len(x)} rows)")
        # Children, so that a choice made from the data does not shift the stream of the chains.
        choices, stream, third = (copy.copy(sequence)).spawn(3)
        made = choose(self.settings, x, np.random.default_rng(choices))
        run = Training(self, x, flat, made, stream, n_threads)
        x_val, patience, every = held_out
        if x_val is not None:
            run.validate_with(x_val, third.generate_state(2, np.uint64), patience, every)
        if checkpoint is not None:
            run.write_to(checkpoint, checkpoint_every)
        return run.run(progress, callback, diagnose, strict, heard)

    @classmethod
    def resume(cls, path, X, *, progress=False, callback=None, n_threads=None, X_val=None, augment=None):
        """Continue a run from its checkpoint, which is kept up to date.

        Parameters
        ----------
        path : str or path-like
            What `fit` was given as ``checkpoint``.
        X : array-like
            The data of the run: the same rows in the same order.
        progress, callback, n_threads
            As in `fit`.
        X_val : array-like, optional
            The held-out rows of the run, if it had some.
        augment : optional
            As the trainer had it, if there was a function in it.

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
            If X or X_val is not that of the run, or augment is missing.
        TrainingError, TrainingInterrupted
            As in `fit`.
        """
        n_features = np.shape(X)[1] if np.ndim(X) == 2 else 1
        x, _ = samples(X, n_features)
        check_callback(callback)
        if n_threads is not None:
            resolve(n_threads)
        x_val = None if X_val is None else samples(X_val, n_features, "X_val")[0]
        saved = read_checkpoint(path, x, x_val)
        if "trainer" in saved.choices:
            raise ModelFileError(
                f"cannot resume from {str(path)!r}: another trainer wrote it; use {saved.choices['trainer']}.resume"
            )
        settings = with_functions(saved.settings, augment, path)
        try:
            trainer = cls(**settings)
            run = Training(trainer, x, saved.flat, saved.choices, 0, n_threads)
            if saved.validation is not None:
                v = saved.validation
                run.validate_with(x_val, v["seed"], v["patience"], v["every"])
                run.validation.restore(v)
            run.loop.restore(saved.state)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ModelFileError(
                f"cannot resume from {str(path)!r}: its content is damaged ({error})"
            ) from None
        run.write_to(path, saved.every, written=run.loop.update)
        return run.run(progress, callback)

    def __repr__(self):
        return (
            f"{type(self).__name__}({self.energy!r}, sampler={self.sampler!r}, n_updates={self.n_updates}, "
            f"n_steps={self.n_steps}, buffer={self.buffer!r})"
        )


def _check_validation(x_val, patience, every):
    for value, name in ((patience, "patience"), (every, "eval_every")):
        if value is not None:
            integer(value, name, 1)
            if x_val is None:
                raise ValueError(f"{name}={value} needs X_val, the held-out rows to look at")


# What help() and an editor show: the settings are spelled once.
ContrastiveDivergence.__signature__ = inspect.signature(Settings).replace(  # type: ignore[attr-defined]
    return_annotation=inspect.Signature.empty
)
