"""Training: losses, regularisers, optimizers, the step, checkpoints, logs and the loop around them."""
