"""What Python programs use: models by name, images from seeds. Exported by `gansformer_tf` itself."""
