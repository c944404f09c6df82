"""Images and models that are changed after training."""
