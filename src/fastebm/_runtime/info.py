"""What is installed and what it runs on."""

from __future__ import annotations

from . import isa as _isa
from . import threads as _threads

__version__ = "0.1.0"


def info() -> dict:
    """Return version, current and available instruction-set levels, and the default number of threads.

    Returns
    -------
    dict
        ``version`` (str), ``isa`` (str, the level in use), ``isa_available`` (list of str, the names FASTEBM_ISA
        accepts on this machine) and ``n_threads`` (int).

    Examples
    --------
    >>> import fastebm as fe
    >>> sorted(fe.info())
    ['isa', 'isa_available', 'n_threads', 'version']
    """
    return {
        "version": __version__,
        "isa": _isa.CURRENT,
        "isa_available": list(_isa.AVAILABLE),
        "n_threads": _threads.default(),
    }
