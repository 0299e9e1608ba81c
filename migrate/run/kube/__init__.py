"""The Kubernetes API: reading, writing, and the steps of a migration that go through it."""
