"""Keys of the features in a record: the field's standard ones, as in the ImageNet records."""

ENCODED = "image/encoded"
FORMAT = "image/format"  # png, jpeg, webp, or raw (the plain pixels [H, W, C])
HEIGHT = "image/height"
WIDTH = "image/width"
FILENAME = "image/filename"
LABEL = "image/class/label"
LABEL_VECTOR = "image/class/vector"  # labels that are no class numbers
