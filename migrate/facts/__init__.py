"""What is true of a machine: raw readings (capture), values (model), and the pure way from one to the other."""
