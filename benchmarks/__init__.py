"""One script per question; each prints ratios taken in one run on one machine."""
