"""Draws pictures with a trained model: `python generate.py --model PATH`. See -h."""

from gansformer_tf.cli.generate import run

if __name__ == "__main__":
    run()
