"""Options that a command would not use are refused, not passed over in silence."""

from __future__ import annotations

# Options of `fastebm fit`, what they are by default, and the models that use them.
OPTIONS = {
    "wells": (2, ("wells",)),
    "recipe": ("auto", ("wells",)),
    "updates": (None, ("wells", "network")),
    "n_init": ("auto", ("wells",)),
    "covariance": ("diag", ("wells",)),
    "tails": ("normal", ("wells",)),
    "max_wells": (None, ("auto",)),
    "preprocess": (None, ("wells", "auto")),
    "cyclic": (None, ("wells", "auto")),
    "hidden": ("auto", ("auto", "network")),
    "base": ("auto", ("network",)),
    "validation": (0.2, ("network",)),
    "max_seconds": (None, ("auto", "network")),
}


def fitting(arguments) -> None:
    """Refuse options that the model to be fitted has no use for.

    Raises
    ------
    ValueError
        Which they are, and which model has.
    """
    for name, (default, models) in OPTIONS.items():
        # What is the default or asks for nothing changes nothing.
        if arguments.model not in models and getattr(arguments, name) not in (default, "none"):
            raise ValueError(
                f"--{name.replace('_', '-')} is for --model {' or '.join(models)}, not {arguments.model}; leave it out"
            )
