"""GANsformer and its baselines: StyleGAN2, GAN, SAGAN, k-GAN."""
