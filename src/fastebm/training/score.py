"""Training by score matching: make -dE/dx the score of the data, without any chain."""

from __future__ import annotations

import inspect

import numpy as np

from .._runtime.check import samples
from .._runtime.errors import ModelFileError
from .._runtime.seed import seed_sequence
from .._runtime.threads import resolve
from .after_fit import check_strict
from .checkpoint import read_checkpoint
from .score_run import MADE_BY, ScoreRun
from .score_settings import ScoreSettings
from .trainer import Trainer, check_callback


class ScoreMatching(Trainer):
    r"""Fits the parameters of an energy to data by its score, -dE/dx: no chains, and no log Z.

    "denoising" (Vincent 2011) puts noise on the data, :math:`\tilde x = x + s z` with :math:`z \sim N(0, 1)` and s =
    noise_std, and minimises

    .. math:: L(\theta) = \tfrac12 \mathrm{E} \left| \nabla E_\theta(\tilde x) - z / s \right|^2
              + \sum_p l2_p \theta_p^2,

    whose optimum is the score of the data *with the noise on them*: the fitted density is wider by s. "sliced" (Song,
    Garg, Shi and Ermon 2019) needs no noise and has the score of the data itself as its optimum:

    .. math:: L(\theta) = \mathrm{E} \left[ \tfrac12 |\nabla E_\theta(x)|^2 - v^T \nabla^2 E_\theta(x) v \right],

    with signs :math:`v_d = \pm 1` drawn anew each time (the mean over v is taken where it is known, in the first term).

    Any energy with a gradient in theta can be trained. What its energy does not offer is taken by differences along a
    direction: :math:`\partial_\theta (v \cdot \nabla_x E) = \partial_t \, \partial_\theta E(x + t v)` at t = 0.

    Score matching sees how the density changes from point to point. It does **not** see how much mass each of several
    separated modes has, as hardly a score between them is ever looked at: their shares stay about where they began
    (plain steps), or wander (Adam). A run whose modes are that far apart says so (``mode_weights_not_identified``).

    Parameters
    ----------
    energy : Energy
        Its theta is the starting point. The object itself is not modified. It must have no walls.
    method : {"denoising", "sliced"}, default "denoising"
    noise_std : float
        Of denoising, in the units of x. Smaller is closer to the data and noisier to learn: the gradient's variance
        grows with 1 / noise_std^2.
    n_draws : int, optional
        Noises, or slices, of every row in an update. Noises come in pairs of opposite sign, which cancels what would
        grow with 1 / noise_std. By default 2 noises or 1 slice.
    n_updates : int, default 2000
        Number of gradient steps.
    batch_size : int, optional
        Rows of data per update, drawn without replacement; by default 256, or all if there are fewer.
    learning_rate : float, default 0.02
        Length of a step.
    optimizer : {"adam", "sgd"}, default "adam"
        The gradients of score matching have no bias, so that Adam does not drift as it does under chains.
    betas, epsilon, schedule, warm_up, hold, clip_norm, l2, theta_bounds, average, ema, trace_theta, augment
        As in `ContrastiveDivergence`. Augmented rows get the noise of denoising on top.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type, or the energy cannot be trained or has walls.

    See Also
    --------
    noise_ladder : a fit for each of several noise levels, and samples by annealed Langevin dynamics.
    score_error : the distance of a fit to the score that it should have.

    References
    ----------
    Hyvärinen, Estimation of non-normalized statistical models by score matching, JMLR 2005. Vincent, A connection
    between score matching and denoising autoencoders, Neural Computation 2011. Song, Garg, Shi and Ermon, Sliced score
    matching, UAI 2019.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.Gaussian([1.0, 0.0], [[2.0, 0.6], [0.6, 0.5]]).exact_sample(4000, seed=1)
    >>> result = fe.ScoreMatching(fe.Gaussian([0.0, 0.0]), noise_std=0.3).fit(X, seed=2)
    >>> bool(abs(result.energy.covariance[0, 0] - (2.0 + 0.3**2)) < 0.2)
    True
    """

    SETTINGS = ScoreSettings

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
    ):
        """Train on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples,) if n_features is 1
            The data, without noise.
        seed : None, int, SeedSequence or Generator
            Seeds everything that is random. The same seed gives the same bytes on every instruction set.
        progress : bool, default False
            Show a progress bar (needs tqdm).
        callback : callable, optional
            Called with ``(update, theta, loss)``, named so, after every update; a true result ends training there.
        checkpoint, checkpoint_every, diagnose, strict, n_threads
            As in `ContrastiveDivergence.fit`.

        Returns
        -------
        ScoreResult

        Raises
        ------
        ValueError, TypeError
            If X does not fit the energy, is not finite or has fewer rows than batch_size.
        TrainingError
            If the loss, its gradient or theta stops being finite. It carries the last good theta.
        TrainingInterrupted
            On Ctrl-C. It carries the result so far, which is also kept as ``last_result``.
        OSError
            If a checkpoint cannot be written. The result so far is kept as ``last_result``.
        UntrustedFitError
            With strict=True, if there are warnings. It carries the result.
        """
        x, flat = samples(X, self.energy.n_features)
        check_callback(callback)
        check_strict(strict, diagnose)
        if n_threads is not None:
            resolve(n_threads)
        if self.batch_size is not None and self.batch_size > len(x):
            raise ValueError(f"batch_size={self.batch_size} is larger than the data ({len(x)} rows)")
        run = ScoreRun(self, x, flat, seed_sequence(seed), n_threads)
        if checkpoint is not None:
            run.write_to(checkpoint, checkpoint_every)
        return run.run(progress, callback, diagnose, strict)

    @classmethod
    def resume(cls, path, X, *, progress=False, callback=None, n_threads=None):
        """Continue a run from its checkpoint, which is kept up to date.

        Parameters
        ----------
        path : str or path-like
            What `fit` was given as ``checkpoint``.
        X : array-like
            The data of the run: the same rows in the same order.
        progress, callback, n_threads
            As in `fit`.

        Returns
        -------
        ScoreResult
            Theta and history are, byte for byte, those of a run that was never stopped.

        Raises
        ------
        OSError
            If the file cannot be read.
        ModelFileError
            If the file is damaged, of a newer version, or no checkpoint of this trainer.
        ValueError
            If X is not the data of the run.
        TrainingError, TrainingInterrupted
            As in `fit`.
        """
        x, _ = samples(X, np.shape(X)[1] if np.ndim(X) == 2 else 1)
        check_callback(callback)
        if n_threads is not None:
            resolve(n_threads)
        saved = read_checkpoint(path, x)
        if saved.choices.get("trainer") != MADE_BY:
            raise ModelFileError(
                f"cannot resume from {str(path)!r}: another trainer wrote it; use ContrastiveDivergence.resume"
            )
        try:
            run = ScoreRun(cls(**saved.settings), x, saved.flat, 0, n_threads)
            run.loop.restore(saved.state)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ModelFileError(
                f"cannot resume from {str(path)!r}: its content is damaged ({error})"
            ) from None
        run.write_to(path, saved.every, written=run.loop.update)
        return run.run(progress, callback)

    def __repr__(self):
        noise = f", noise_std={self.noise_std:g}" if self.method == "denoising" else ""
        return f"{type(self).__name__}({self.energy!r}, method={self.method!r}{noise}, n_updates={self.n_updates})"


# What help() and an editor show: the settings are spelled once.
ScoreMatching.__signature__ = inspect.signature(ScoreSettings).replace(  # type: ignore[attr-defined]
    return_annotation=inspect.Signature.empty
)
