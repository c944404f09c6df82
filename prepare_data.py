"""Turns pictures into a data set that training reads: `python prepare_data.py --task NAME --images-dir DIR`. See -h."""

from gansformer_tf.cli.prepare_data import run

if __name__ == "__main__":
    run()
