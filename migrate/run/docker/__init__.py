"""Docker hosts through Docker's own API: one process reads one host, so that each can be ended at its deadline."""
