"""What the estimator and the command line call: a fit in the user's units, and the number of wells."""
