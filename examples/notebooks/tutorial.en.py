# %% [markdown]
# # Energy-based models from the ground up
#
# A model can say where data are likely without ever computing a probability: it gives every point an *energy*, low
# where there are data and high elsewhere, and leaves the rest to one formula,
#
# $$p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \int e^{-E(x)}\,dx .$$
#
# The first half of this notebook does everything by hand, in one dimension, with the functions of the teaching
# notebook. The second half does the same with the compiled library, shows pictures, and looks at what can go wrong.
# It runs in about ten seconds.

# %%
import random
import warnings

import numpy as np

import fastebm as fe
from fastebm import plotting
from fastebm.notebook import *

# %% [markdown]
# ## 1. By hand
#
# ### Data
#
# Two bumps of different weight and width: about 55 % of the points lie around -2, the rest around 1.8. Whatever we
# learn can be compared with this law, because we know it.

# %%
random.seed(31)
data = sample_real(2400)
describe(data)

# %% [markdown]
# ### An energy with two wells
#
# Each well is a parabola, $e_j(x) = a_j (x - m_j)^2 + k_j$: $m$ is its place, $a = e^{\text{raw}_a}$ how narrow it is,
# $k$ how deep. The energy is their smooth minimum, $E = -\log(e^{-e_1} + e^{-e_2}) + c$. So theta has seven numbers.
# In a notebook an energy is shown as what it stands for.

# %%
theta_demo = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]
for x in (-2.0, -0.2, 1.5):
    energy, slope, by_theta = energy_and_grads(x, theta_demo)
    print(f"x = {x:4.1f}   E = {energy:.4f}   dE/dx = {slope:+.4f}   dE/dk1 = {by_theta[2]:.4f}")

fe.WellMixture(theta=theta_demo)

# %% [markdown]
# ### Samples by Langevin steps
#
# A chain rolls downhill and is shaken: $x \leftarrow x - h\,E'(x) + s\,\xi$ with $\xi \sim N(0, 1)$. The slope pulls it
# into the wells, the noise keeps it from standing still. Eight chains from anywhere:

# %%
random.seed(1)
starts = [random.uniform(-4, 4) for _ in range(8)]
ends = sgld_samples(theta_demo, starts, n_steps=30)
print("start", [round(x, 2) for x in starts])
print("end  ", [round(x, 2) for x in ends])

# %% [markdown]
# The same sampler, compiled, remembers its way if it is asked to with `thin`; `plot_paths` draws it over the density.

# %%
run = fe.SGLD(0.06, noise_std=0.08).run(fe.WellMixture(theta=theta_demo), starts, 60, seed=1, thin=1)
plotting.plot_paths(run, n_paths=8);
# %% [markdown]
# ### Training: pull down here, push up there
#
# The gradient of the log-likelihood is a difference of two means: that of $\partial E / \partial\theta$ over the chains
# minus that over the data. A training step lowers the energy where data are and raises it where the model's own samples
# are; where both agree, nothing moves. $Z$ is not needed. Chains of earlier steps are kept in a store and go on from
# there: they need not find the wells anew each time.
#
# A warning will appear below. It is part of the story.

# %%
random.seed(31)
theta, history, store = train_ebm([0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0], data)
for step, e_data, e_chains, gap, _, size in history:
    print(f"step {step:3d}   data {e_data:7.4f}   chains {e_chains:7.4f}   gap {gap:+.4f}   store {size:,}")

# %% [markdown]
# ### Does it work?
#
# Mean, deviation and the share of each side are nearly those of the data.

# %%
random.seed(31)
shown = draw_model_samples(theta)
{name: (round(describe(data)[name], 3), round(describe(shown)[name], 3)) for name in ("mean", "std", "left")}

# %% [markdown]
# In one dimension $Z$ is an easy integral, and so we can look at the density itself, over the data and beside the truth:

# %%
z = approx_partition(theta)
print(
    f"Z = {z:.4f}; density at -2: {approx_density(theta, -2.0, z):.4f}, at 0: {approx_density(theta, 0.0, z):.4f}"
)

from fastebm.datasets import two_normals_truth

truth = two_normals_truth()
plotting.plot_density(fe.WellMixture(theta=theta), data, reference=truth);
# %% [markdown]
# That is not the density of the data: the wells are far too wide. The samples looked right because the sampler makes
# them too narrow by about as much. A step of size $h$ with noise $s$ has temperature $T = s^2 / 2h$; here it is 0.066
# where it should be 1. Cold chains huddle at the bottom of each well, so training widens the wells until even cold
# chains are spread like the data. Two errors hide each other, and a check that looks at samples only passes.

# %%
from fastebm.revisited import divergence, draw_budget

print(
    f"temperature {0.085**2 / (2 * 0.055):.3f}; distance from the truth {divergence(fe.WellMixture(theta=theta)):.3f} nats"
)
draw_budget()

# %% [markdown]
# ## 2. The compiled way
#
# A trainer with its default recipe: chains that are never thrown away, moves with an accept step (so the step size
# has no bias), one jump between wells in every update, and the mean of theta over the second half.

# %%
trainer = fe.ContrastiveDivergence(fe.WellMixture())
result = trainer.fit(data, seed=3)
result

# %% [markdown]
# Green: the checks had nothing to object to. The distance from the truth is now what 2,400 points allow at best.

# %%
from fastebm.revisited import best

print(f"trained {divergence(result.energy):.4f} nats, maximum likelihood {divergence(best()):.4f} nats")
plotting.plot_density(result.energy, data, reference=truth);
# %% [markdown]
# ### Pictures of a run
#
# Both phases meet at the optimum; the parameters come to rest, the dots are what is returned.

# %%
plotting.plot_phases(result)
plotting.plot_parameters(result);
# %% [markdown]
# ### log Z and a held-out score
#
# `log_partition` says how it was found and how far to trust it; `certificate` puts the mean log-likelihood of rows
# that were not trained on between two ends.

# %%
fresh = truth.exact_sample(500, seed=5)
result.certificate(fresh)

# %% [markdown]
# ## 3. What can go wrong, and how it is said
#
# The notebook's own recipe, compiled. Nothing about the printed numbers of part 1 was alarming; the checks name what is
# wrong, how far it is over the limit, and what to change.

# %%
with warnings.catch_warnings():
    # The worst of them is a Python warning too.
    warnings.simplefilter("ignore", fe.FastEBMWarning)
    cold = fe.ContrastiveDivergence.notebook().fit(data, seed=3)
fe.diagnose(cold, data)

# %% [markdown]
# Too few Langevin steps: the chains have not arrived when they are used, and the energy is pushed up in the wrong
# places. With five steps the model's samples have half of the spread that they should have.

# %%
for steps in (5, 35):
    print(steps, {name: round(value, 3) for name, value in quick_train_with_sgld_steps(data, steps).items()})

# %% [markdown]
# ### Stop, and keep what there is
#
# Interrupt the kernel while something runs: nothing is lost. The exception carries the result so far, and the trainer
# keeps it as `last_result`. Here the interrupt comes from a callback, so that the notebook can run by itself.


# %%
def stop(state):
    if state.update == 100:
        raise KeyboardInterrupt


try:
    trainer.fit(data, seed=3, callback=stop)
except fe.TrainingInterrupted as error:
    print(
        f"{len(error.result.history)} updates kept; the trainer has them too: {trainer.last_result is error.result}"
    )

# %% [markdown]
# A sampler does the same: `SamplingInterrupted` carries a result whose `state` goes on to the same bytes as a run that
# nobody stopped.
#
# ## 4. A table of one's own
#
# Two columns, in the units they come in. `fit_wells` standardises, starts from several places, checks, and answers
# in the units of the table.

# %%
from fastebm.datasets import load_old_faithful

table = load_old_faithful()
fit = fe.fit_wells(table, n_wells=2, covariance="full", seed=1, names=("eruption (min)", "waiting (min)"))
fit

# %%
plotting.plot_landscape(fit.energy_, table, labels=fit.names);
# %% [markdown]
# Energies need not be learned. Any formula can be sampled; `sample` chooses and tunes a sampler and says whether its
# chains agree.

# %%
draws = fe.sample(fe.MuellerBrown(), 1000, seed=1)
draws

# %%
plotting.plot_paths(draws, n_paths=3);

# %% [markdown]
# ## Where next
#
# - *The notebook revisited*, in the documentation: every figure of part 1 with its reason; `fastebm.revisited` has the
#   functions.
# - *When to trust a fit*: each check, its limit and its cure.
# - *Networks*: the same training for energies that have no formula.
