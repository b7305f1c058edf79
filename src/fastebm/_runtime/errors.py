"""Exceptions and warnings of the package."""

from __future__ import annotations


class NonFiniteError(FloatingPointError, ValueError):
    """A computation gave infinity or NaN. Nothing is masked: the run stops here.

    Examples
    --------
    >>> import fastebm as fe
    >>> broken = fe.PythonEnergy(lambda X: 1 / (X[:, 0] - X[:, 0]), lambda X: X, n_features=1)
    >>> with np.errstate(divide="ignore"):
    ...     try:
    ...         broken.energy([1.0, 2.0])
    ...     except fe.NonFiniteError as error:
    ...         print(str(error).split(":")[0])
    energy is not finite for sample 0
    """


class TrainingError(NonFiniteError):
    """Training met a non-finite value and stopped.

    Attributes
    ----------
    update : int
        The update, counted from 0, that could not be completed.
    theta : ndarray of shape (n_params,)
        Parameters after the last good update itself; ``result.theta`` may be an average over updates.
    buffer : ReplayBuffer or None
        Chains after the last good update; None of a trainer that has none.
    result : TrainingResult or ScoreResult
        Everything up to the last good update, as `fit` would have returned it.

    Examples
    --------
    >>> import fastebm as fe
    >>> trainer = fe.ContrastiveDivergence(fe.NetworkEnergy.mlp(1, base=fe.Gaussian(0.0, 1.0)), learning_rate=1e300)
    >>> try:
    ...     trainer.fit(fe.datasets.two_normals(seed=1), seed=1)
    ... except fe.TrainingError as error:
    ...     print(error.update, len(error.result.history))
    1 1
    """

    def __init__(self, message, update, result, theta):
        super().__init__(message)
        self.update = update
        self.result = result
        self.theta = theta
        self.buffer = getattr(result, "buffer", None)

    def __reduce__(self):
        # An exception would be rebuilt from its message alone.
        return type(self), (*self.args, self.update, self.result, self.theta), self.__dict__


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during `fit`. ``.result`` holds everything up to the last complete update.

    Examples
    --------
    >>> import fastebm as fe
    >>> def stop(state):
    ...     if state.update == 9:
    ...         raise KeyboardInterrupt  # as Ctrl-C does
    >>> try:
    ...     fe.ContrastiveDivergence(fe.WellMixture()).fit(fe.datasets.two_normals(seed=1), seed=1, callback=stop)
    ... except fe.TrainingInterrupted as stopped:
    ...     print(len(stopped.result.history))
    10
    """

    def __init__(self, message, result):
        super().__init__(message)
        self.result = result

    def __reduce__(self):
        return type(self), (*self.args, self.result), self.__dict__


class SamplingInterrupted(KeyboardInterrupt):
    """Ctrl-C while chains ran. ``.result`` is what the run would have returned if it had been asked for so much only.

    Attributes
    ----------
    result : SampleResult or Sample, or None
        None if nothing was complete yet.
    n_steps : int
        Steps that every chain of the result has made, burn-in included.

    Examples
    --------
    >>> import fastebm as fe
    >>> try:
    ...     run = fe.MALA(0.1).run(fe.DoubleWell(2), [[1.0, 0.0]] * 8, 100, seed=1)
    ... except fe.SamplingInterrupted as interrupted:
    ...     run = interrupted.result
    >>> run.x.shape
    (8, 2)
    """

    def __init__(self, message, result, n_steps=0):
        super().__init__(message)
        self.result = result
        self.n_steps = n_steps

    def __reduce__(self):
        return type(self), (*self.args, self.result, self.n_steps), self.__dict__


class CertificateInterrupted(KeyboardInterrupt):
    """Ctrl-C during `certificate`. ``.estimate`` is what finished runs say of log Z, or None if none is finished.

    Examples
    --------
    >>> import fastebm as fe
    >>> try:
    ...     raise fe.CertificateInterrupted("after Ctrl-C", None)  # `certificate` does so
    ... except fe.CertificateInterrupted as stopped:
    ...     print(stopped.estimate)
    None
    """

    def __init__(self, message, estimate):
        super().__init__(message)
        self.estimate = estimate

    def __reduce__(self):
        return type(self), (*self.args, self.estimate), self.__dict__


class ModelFileError(ValueError):
    """A file is damaged, foreign, or of a newer version; nothing was loaded from it.

    Examples
    --------
    >>> import fastebm as fe
    >>> with open("model.npz", "w") as file:
    ...     _ = file.write("no model")
    >>> try:
    ...     fe.load("model.npz")
    ... except fe.ModelFileError as error:
    ...     print(error)
    cannot load 'model.npz': it is damaged or not a fastebm file (File is not a zip file)
    """


class FastEBMWarning(UserWarning):
    """A run finished, but its result should not be trusted as it stands.

    Examples
    --------
    >>> import warnings
    >>> import fastebm as fe
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", fe.FastEBMWarning)  # what cannot be used stops the program
    ...     result = fe.ContrastiveDivergence(fe.WellMixture()).fit(fe.datasets.two_normals(seed=1), seed=1)
    """


class UntrustedFitError(RuntimeError):
    """A fit with ``strict=True`` finished, and the checks object to its result.

    Attributes
    ----------
    result : TrainingResult or ScaledWells
        What the fit would have returned, with its ``warnings``.

    Examples
    --------
    >>> import fastebm as fe
    >>> short = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20)
    >>> try:
    ...     short.fit(fe.datasets.two_normals(seed=1), seed=1, strict=True)
    ... except fe.UntrustedFitError as error:
    ...     print(error.result.warnings[0].code)
    under_training
    """

    def __init__(self, message, result):
        super().__init__(message)
        self.result = result

    def __reduce__(self):
        return type(self), (*self.args, self.result), self.__dict__
