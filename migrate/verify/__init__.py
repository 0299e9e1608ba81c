"""What counts as back: what was there before, the evidence, and the judgement. How it is looked at is in run/kube/."""
