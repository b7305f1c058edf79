"""The tutorial notebook's functions, compiled: replace its definitions by one import, run as before.

    from fastebm.notebook import *

Names, arguments, defaults, results (lists and floats) and the order of draws from Python's global `random`
are the notebook's, so a seed gives the same run, and `random` is left exactly where the notebook would leave
it. Three things differ:

- The energy is computed in a stable form. Where the notebook divides 0 by 0, or is about to, this is right;
  elsewhere the two agree to the last digits. dE/draw_a stays the notebook's ``w a d^2`` where raw_a is
  clipped (the true derivative is 0 there: see `fastebm.WellMixture`).
- NaN and infinity are never clipped into ordinary numbers: as arguments they raise ValueError, in a run
  FloatingPointError, with the step. An energy too large for a float raises OverflowError.
- A call that fails or is interrupted changes nothing: neither `random`, nor its arguments, nor a buffer.

A call works on a copy of the generator and puts it back at the end, so other threads must not draw from the
global `random` meanwhile.
"""

from .functions import *  # noqa: F403
from .functions import __all__ as __all__
