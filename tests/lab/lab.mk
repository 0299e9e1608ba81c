# The real cluster in containers (tests/lab/README.md).
.PHONY: lab lab-down lab-status

lab:  ## A real Kubernetes 1.23 cluster on dockershim, in containers (root; LAB_WORKERS=N for more than two workers)
	@python3 -m tests.lab up

lab-down:  ## Remove the lab's containers, volumes and network; what was built for it is kept
	@python3 -m tests.lab down

lab-status:  ## What of the lab runs, and what is not ready
	@python3 -m tests.lab status
