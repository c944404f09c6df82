"""The projected discriminator."""
