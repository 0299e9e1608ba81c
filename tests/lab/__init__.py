"""The lab: a real Kubernetes 1.23 cluster on dockershim, in containers on this machine (see README.md)."""
