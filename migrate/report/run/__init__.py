"""The report of a run: how long each node took and for what, and its workloads before and after, in several formats."""
