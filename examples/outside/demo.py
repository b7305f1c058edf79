"""An energy and a sampler from outside, used like fastebm's own: sample, train, save, load, stop and go on.

Run: python setup.py build_ext --inplace && python demo.py [--quick]
"""

import argparse
import os
import tempfile

import numpy as np
from outside_ebm import Kick, QuarticWell

import fastebm as fe


def main(folder, quick):
    truth = QuarticWell(2, theta=[0.3, 0.5, 0.4, 0.0, -0.5, -0.3])
    sampler = Kick(0.01, friction=0.5)
    print(fe.check_grad(truth, np.random.default_rng(0).normal(size=(200, 2))))

    # Sampling: the momenta are in the state of the run, which can be cut anywhere and goes on to the same bytes.
    x0 = np.random.default_rng(1).uniform(-1, 1, (2000 if quick else 20_000, 2))
    run = sampler.run(truth, x0, 300, seed=1)
    half = sampler.run(truth, x0, 150, seed=1).state
    print(run.state)
    print(f"mean square of its momenta: {(run.state.chain_state**2).mean():.3f}")
    print("cut in two, the same bytes:", sampler.run(truth, half, 150).state == run.state)

    # Training, with a checkpoint in the middle.
    trainer = fe.ContrastiveDivergence(
        QuarticWell(2), sampler=sampler, n_updates=400 if quick else 1500, learning_rate=0.05, n_chains=1024
    )
    whole = trainer.fit(run.x, seed=2)
    print("trained:", dict(zip(truth.param_names, whole.theta.round(2).tolist(), strict=True)))
    path = os.path.join(folder, "stopped.npz")
    trainer.fit(run.x, seed=2, checkpoint=path, callback=lambda state: state.update == 200)
    resumed = fe.ContrastiveDivergence.resume(path, run.x)
    print("stopped and resumed, the same bytes:", resumed.theta.tobytes() == whole.theta.tobytes())

    # Files, which hold the types' names and no code: whoever loads them imports this package first.
    for value in (whole.energy, sampler):
        path = os.path.join(folder, "own.npz")
        fe.save(path, value)
        print("saved and loaded:", fe.load(path), fe.load(path) == value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer chains and updates")
    with tempfile.TemporaryDirectory() as folder:
        main(folder, parser.parse_args().quick)
