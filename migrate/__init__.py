"""docker2cri: take a Kubernetes cluster off Docker, and put any node back as it was."""

__version__ = "0.1.0"
