"""StyleGAN3: alias-free synthesis."""
