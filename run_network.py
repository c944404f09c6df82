"""Trains a model, or draws pictures with it: `python run_network.py --train --dataset NAME`. See -h."""

from gansformer_tf.cli.run_network import run

if __name__ == "__main__":
    run()
