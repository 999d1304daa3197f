"""Stage 3 (EmoDiffTalk 3.4): how rotation and opacity of a subject's Gaussians follow its action units is learned."""
