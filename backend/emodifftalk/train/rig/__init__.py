"""Before the stages (EmoDiffTalk 3.1): the canonical Gaussians of a capture are learned on their template."""
