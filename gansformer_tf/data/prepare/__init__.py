"""A source of images to a folder of sharded records."""
