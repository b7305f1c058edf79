"""Files: `archive` writes an .npz whole or not at all, `codec` turns objects into arrays and back."""
