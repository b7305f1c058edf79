"""Every closed form of log Z in the catalogue, against quadrature and annealing, which do not know it."""

import numpy as np
from cases import closed_form, parametrise

import fastebm as fe

SMALL = tuple(case for case in closed_form() if case.make().n_features <= 2)
# Covariance of the base in terms of that of the law: narrower, so that no chain starts where a quartic wall throws it
# back, or beyond the walls of a box.
NARROW = {"double-well-1": 0.3, "box": 0.1}


@parametrise("case", SMALL)
def test_quadrature_agrees(case):
    energy = case.make()
    x = energy.exact_sample(400, seed=1)
    estimate = fe.log_partition(energy, "quadrature", X=x, rtol=1e-3 if energy.has_walls else 1e-9)
    assert abs(estimate.value - energy.log_partition()) <= max(estimate.error, 1e-8)
    assert estimate.error < 1e-3


@parametrise("case", closed_form())
def test_annealing_agrees(case):
    energy = case.make()
    x = energy.exact_sample(2000, seed=1)
    covariance = NARROW.get(case.name, 1.0) * np.atleast_2d(np.cov(x.T))
    base = fe.Gaussian(x.mean(axis=0), covariance)

    found = fe.log_partition(energy, "ais", base=base, n_chains=1024, n_steps=1000, seed=1)
    assert found.trusted
    # 5.3 standard errors: one false alarm in ten million; a hundredth of a nat for the error of the error. A closed
    # form that is 0.13 nats off is seen in every case.
    limit = 5.3 * found.error + 0.01
    assert abs(found.value - energy.log_partition()) < limit < 0.13
