"""Files: `whole` writes one whole or not at all, `archive` is the .npz in it, `codec` turns objects into arrays and
back, `outside` makes the types of other packages known."""
