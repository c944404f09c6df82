"""What the two stages of VQGAN minimise, and their steps."""
