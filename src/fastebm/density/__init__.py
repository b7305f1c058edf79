"""The former name of `partition`, `mixtures` and `fitting`: imports written for it go on working."""

import sys

from ..fitting import scaled_wells, selection
from ..mixtures import em
from ..partition import ais, log_partition, quadrature

for _module in (ais, em, log_partition, quadrature, scaled_wells, selection):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
