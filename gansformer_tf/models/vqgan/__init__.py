"""VQGAN: an autoencoder over a codebook, its patch discriminator, and a transformer that draws codes."""
