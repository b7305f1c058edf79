"""Every code of a warning: what it says, and what cures it. The documentation's page of warnings is made of this.

A warning itself says more: its numbers, and advice for the settings of that run.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """What a code stands for."""

    about: str
    meaning: str
    cure: str


COLUMNS = "The columns, with preprocess="
TRAINING, CHAINS, DENSITY = "Training", "The chains", "The fitted density"
ROWS, ENERGY, SAMPLES = "The rows", "The energy", "Samples of fe.sample"

CODES = {
    "under_training": Code(
        TRAINING,
        "The run ended before it arrived: theta was still on its way, and the fit is short of its optimum.",
        "More n_updates (the warning names a number), or a larger learning_rate.",
    ),
    "learning_rate": Code(
        TRAINING,
        "The steps are too long: theta wanders about the optimum, was thrown out of its range, or the loss has risen.",
        "A smaller learning_rate with more n_updates, a larger batch_size, schedule='linear' or clip_norm.",
    ),
    "drift": Code(
        TRAINING,
        "The fit is getting worse: chains that do not follow the model drive theta away from the optimum.",
        "MALA at temperature 1, the default global move, chains that persist and are never redrawn; or stop earlier.",
    ),
    "biased_chains": Code(
        TRAINING,
        "Theta has come to rest away from the optimum: what the chains show is not the model.",
        "As for drift: MALA, global_move='auto', buffer='persistent', reinit_prob=0; else more n_steps.",
    ),
    "penalty": Code(
        TRAINING,
        "The fit is where the penalty wants it, which is short of the best likelihood.",
        "A smaller l2, or l2=0.",
    ),
    "at_bound": Code(
        TRAINING,
        "A parameter is at its bound, or has left the range in which it acts: its value is not that of the data.",
        "Heed the other warnings first (biased chains drive it there); then rescale the data or widen theta_bounds.",
    ),
    "energy_gap": Code(
        TRAINING,
        "Data and chains have energies that have nothing to do with each other: they are in different places.",
        "Start near the data (initial_wells(X)), bring the data to a spread near 1, or use a smaller learning_rate.",
    ),
    "weights": Code(
        TRAINING,
        "With weighting='jarzynski': few of the weighted chains counted, as theta moved faster than they could.",
        "A smaller learning_rate, more n_steps or more n_chains.",
    ),
    "saturated": Code(
        TRAINING,
        "Most units of a hidden layer no longer answer to their input, and learn no more.",
        "A smaller learning_rate, clip_norm, l2 on the weights, inputs of spread near 1; or start anew.",
    ),
    "score_error": Code(
        TRAINING,
        "Score matching: the scores are worse than those of a single normal law.",
        "More n_updates, another learning_rate, a better start, or an energy that can be as wide as the data.",
    ),
    "temperature": Code(
        CHAINS,
        "The noise of a step does not belong to its size: the chains sample exp(-E / T) with T not 1.",
        "Leave noise_std out; it is then sqrt(2 * step_size).",
    ),
    "measured_temperature": Code(
        CHAINS,
        "Force and curvature along the chains show another temperature than the one they were meant to have.",
        "A smaller step_size or MALA where they are too hot; the right noise or more n_steps where too cold.",
    ),
    "too_few_steps": Code(
        CHAINS,
        "The chains had not arrived when they were used: more steps change their mean energy.",
        "More n_steps, chains that persist (buffer='persistent', reinit_prob=0), or starts that are closer.",
    ),
    "step_too_big": Code(
        CHAINS,
        "A step's noise is wider than the narrowest group of the data: no well can make such chains look like it.",
        "The smaller step_size that the warning names, or MALA.",
    ),
    "divergence": Code(
        CHAINS,
        "The step is unstable where the energy is most curved, or the chains have left the range of numbers.",
        "A smaller step_size (the warning says below which); tighter theta_bounds on the width of wells.",
    ),
    "acceptance": Code(
        CHAINS,
        "Few proposals are accepted: the chains hardly move.",
        "A smaller step_size, or step_size='auto'.",
    ),
    "stuck_chains": Code(
        CHAINS,
        "Some chains have not moved at all: every proposal is refused where they sit.",
        "A smaller step_size, a global move that can fetch them (global_move='auto'), or clip_norm.",
    ),
    "edge": Code(
        CHAINS,
        "Chains stick to the bounds, or the model has mass beyond them, where nothing is trained.",
        "Wider bounds or none; MALA, which rejects at bounds; a smaller step_size.",
    ),
    "mode_imbalance": Code(
        CHAINS,
        "A mode holds another share of the chains than of the model's mass.",
        "A global move (global_move='auto', n_global=1) and reinit_prob=0; for samples alone, Tempering.",
    ),
    "mode_weights_not_identified": Code(
        CHAINS,
        "The chains change their mode too rarely, or score matching does not see across the gap: nothing decides how "
        "much mass each mode has.",
        "A global move, or more of it; weighting='jarzynski'; for scores noise_ladder, or ContrastiveDivergence.",
    ),
    "global_box": Code(
        CHAINS,
        "Some rows or modes lie outside the box of the global move, which never brings a chain there.",
        "global_move='auto', or low and high that hold all rows and modes.",
    ),
    "statistics": Code(
        CHAINS,
        "A feature has another mean or variance in the chains than in the data.",
        "More n_updates, a learning rate that falls to 0 (schedule='linear', hold=0.5), or more n_steps.",
    ),
    "local_optimum": Code(
        DENSITY,
        "Another start leads to a better fit than this one.",
        "Start at initial_wells(X, n, n_init=20), as the warning says; fit_wells and EnergyDensity do so themselves.",
    ),
    "too_few_modes": Code(
        DENSITY,
        "One well more would gain much.",
        "One well more, or n_wells='auto'.",
    ),
    "memorisation": Code(
        DENSITY,
        "The rows of the fit are more likely to it than rows that it has not seen.",
        "Fewer wells or parameters, a larger l2, more data_noise, or more rows.",
    ),
    "narrow_mode": Code(
        DENSITY,
        "A well is as narrow as it can be: the limit, not the data, decides its width. Repeated or rounded rows do it.",
        "Remove repeated rows, add noise of the size of the rounding, or use fewer wells.",
    ),
    "wide_mode": Code(
        DENSITY,
        "A well is as wide as it can be, mostly for a few rows that are far from all others.",
        "One well more, wells with heavy tails (tails='student'), or remove those rows.",
    ),
    "network_not_better": Code(
        DENSITY,
        "The network does not beat the wells on held-out rows, or its log Z is uncertain; the wells are the density.",
        "Be content with the wells, or use more rows, more n_updates or wider hidden layers.",
    ),
    "log_z_untrusted": Code(
        DENSITY,
        "The estimate of log Z rests on few chains, or its two directions disagree.",
        "More n_steps or n_chains, or a base that is closer to the density; use the bracket, not the value.",
    ),
    "scale": Code(
        ROWS,
        "A feature is narrower than any well of this energy can be.",
        "Bring the data to a standard deviation near 1 (EnergyDensity does); drop constant features.",
    ),
    "outliers": Code(
        ROWS,
        "A value is a thousand times as far from the median as most: it pulls wells and stretches ranges.",
        "Wells with heavy tails (tails='student'), or correct, clip or remove such rows before the fit.",
    ),
    "duplicates": Code(
        ROWS,
        "One point makes up a fifth of the rows or more: the likelihood of a well on it has no maximum. Or, where "
        "folds choose, most rows are there more than once, so that rows held out have been seen.",
        "Remove repeated rows, or model the repeated value apart.",
    ),
    "constant_column": Code(
        COLUMNS,
        "Every row has the same value. The column is left out of the density; another value has log-density -inf.",
        "Drop the column, or give rows in which it varies.",
    ),
    "duplicate_column": Code(
        COLUMNS,
        "A column is an exact linear function of another, and is left out of the density; samples have it computed.",
        "Drop the column.",
    ),
    "rounded": Code(
        COLUMNS,
        "Values stand on a grid (integers, few decimals). The fit saw them with noise of a step; samples are rounded.",
        "None where that is meant; leave a category out, and fit each of its values alone.",
    ),
    "zeros": Code(
        COLUMNS,
        "Exact zeros among values that are no grid: a density has no mass at a point, so they stand for a small cell.",
        "Compare rows without zeros, or fit whether it is zero and how large it is apart.",
    ),
    "atom": Code(
        COLUMNS,
        "Many rows share one value among values that are no grid: a well that narrows onto it has no best likelihood.",
        "If it stands for 'missing' or 'at the limit', leave these rows out, or fit them apart.",
    ),
    "few_values": Code(
        ROWS,
        "A column has ten values or fewer. fit_auto leaves it as it is, and wells narrow onto them as far as they can.",
        "Leave the column out and fit its values apart, or give preprocess='auto', which spreads them.",
    ),
    "gradient": Code(
        ENERGY,
        "The gradient is not that of the energy, and chains follow the gradient.",
        "Correct it; check_grad shows where it is wrong.",
    ),
    "noisy_energy": Code(
        ENERGY,
        "The energy of one x differs from call to call.",
        "Make it a function of x alone: no random numbers, no dropout.",
    ),
    "block_dependent": Code(
        ENERGY,
        "The energy of a row depends on the rows beside it.",
        "Make it a function of that row: no batch statistics.",
    ),
    "no_mass": Code(
        ENERGY,
        "The energy grows too slowly for exp(-E) to have a finite integral: there is no law to sample.",
        "Add a confining term, such as 0.5 * (x / s)**2, or give the sampler bounds.",
    ),
    "rhat": Code(
        SAMPLES,
        "The chains disagree: some parts of the density were not reached by all of them.",
        "sampler=Tempering(HMC('auto'), temperatures), other x0, or more max_steps.",
    ),
    "ess": Code(
        SAMPLES,
        "Fewer samples are effective than were wanted.",
        "More max_steps or n_chains.",
    ),
    "unadjusted": Code(
        SAMPLES,
        "The sampler has no accept step, so its law is off by its step size.",
        "MALA or HMC.",
    ),
}
