"""One module per source: raw reading -> part of the model."""
