"""Anomaly scores: how improbable is an eruption of Old Faithful under a density fitted to all of them?

Run with ``python examples/anomalies.py [--quick]``; needs fastebm with its 'sklearn' extra.
"""

import argparse
from importlib.resources import files

import numpy as np

import fastebm as fe

FALSE_ALARMS = 0.01


def main(quick):
    with (files("fastebm.datasets") / "faithful.csv").open() as table:
        columns = table.readline().strip().split(",")
        eruptions = np.loadtxt(table, delimiter=",")

    density = fe.EnergyDensity(n_wells=2 if quick else "auto", random_state=1).fit(eruptions)
    print(f"{len(eruptions)} eruptions, {density.n_wells_} wells")
    for weight, mean, std in zip(density.weights_, density.means_, density.stds_, strict=True):
        place = ", ".join(f"{c} {m:.2f} +- {s:.2f} min" for c, m, s in zip(columns, mean, std, strict=True))
        print(f"  {weight:.0%} of the mass at {place}")

    # The score of a sample is its surprise, -log p. The limit is taken from the model itself: the surprise that one
    # in a hundred of its own samples exceeds.
    limit = np.quantile(
        -density.score_samples(density.sample(10_000 if quick else 100_000)), 1 - FALSE_ALARMS
    )
    seen = -density.score_samples(eruptions)
    print(f"limit {limit:.2f} nats; {(seen > limit).sum()} of the {len(seen)} recorded eruptions exceed it")

    # A short eruption before a long wait has ordinary values in each column and an improbable combination.
    for minutes, wait in ((2.0, 54.0), (4.3, 80.0), (2.0, 80.0), (3.1, 66.0)):
        surprise = -density.score_samples([[minutes, wait]])[0]
        verdict = "anomaly" if surprise > limit else "ordinary"
        print(f"  {minutes:.1f} min, then {wait:.0f} min: {surprise:6.2f} nats, {verdict}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two wells without a choice, fewer samples")
    main(parser.parse_args().quick)
