"""From seeds to images: the one road that scripts, metrics, training, export and viewer draw on."""
