"""A page in the browser to look into a trained model: `python -m gansformer_tf.viewer --model PATH`."""
