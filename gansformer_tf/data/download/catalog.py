"""The catalog: data sets of the papers, where they are, and how they are prepared. Light, for the sake of `-h`."""

from __future__ import annotations

from dataclasses import dataclass

# What an archive holds.
RECORDS = "records"  # TFRecords of the original code, as a file or in a ZIP
ZIPPED_IMAGES = "zipped images"  # read in place
TARRED_IMAGES = "tarred images"
LMDB = "lmdb"


@dataclass(frozen=True)
class Archive:
    """One file that can be downloaded.

    `below` is the folder of the images within it. `gigabytes` is rounded.
    """

    file: str
    url: str
    md5: str | None
    gigabytes: float
    content: str
    below: str = ""


@dataclass(frozen=True)
class Entry:
    """A data set: archives in the order in which they are tried, and settings that the user did not type.

    `gamma` is the weight of the R1 penalty that the paper used for it.
    """

    name: str
    title: str
    num_images: int
    archives: tuple[Archive, ...]
    resolution: int = 256
    ratio: float = 1.0
    num_shards: int | None = None
    gamma: float = 10.0


CATALOG = {
    entry.name: entry
    for entry in (
        Entry(
            "clevr",
            "CLEVR",
            100_000,
            (
                Archive(
                    "CLEVR_v1.0.zip",
                    "https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip",
                    "b11922020e72d0cd9154779b2d3d07d2",
                    18,
                    ZIPPED_IMAGES,
                    below="CLEVR_v1.0/images/",
                ),
                Archive(
                    "clevr.zip",
                    "https://drive.google.com/uc?id=1lY4JE30yk26v0MWHNpXBOMzltufUcTXj",
                    "3040bb20a29cd2f0e1e9231aebddf2a1",
                    6,
                    RECORDS,
                ),
            ),
            ratio=0.75,
            num_shards=5,
            gamma=40.0,
        ),
        Entry(
            "ffhq",
            "FFHQ",
            70_000,
            (
                Archive(
                    "ffhq-r08.tfrecords1of1",
                    "http://downloads.cs.stanford.edu/nlp/data/dorarad/ffhq-r08.tfrecords1of1",
                    "74de4f07dc7bfb07c0ad4471fdac5e67",
                    13,
                    RECORDS,
                ),
            ),
        ),
        Entry(
            "cityscapes",
            "Cityscapes",
            25_000,
            (
                Archive(
                    "cityscapes.zip",
                    "https://drive.google.com/uc?id=1t9Qhxm0iHFd3k-xTYEbKosSx_DkyoLLJ",
                    "953d231046275120dc1f73a5aebc9087",
                    2,
                    RECORDS,
                ),
            ),
            ratio=0.5,
            num_shards=16,
            gamma=20.0,
        ),
        Entry(
            "bedrooms",
            "LSUN bedrooms",
            3_033_042,
            (
                Archive(
                    "bedroom_train_lmdb.zip",
                    "http://dl.yf.io/lsun/scenes/bedroom_train_lmdb.zip",
                    "f2c5d904a82a6295dbdccb322b4b0a99",
                    43,
                    LMDB,
                    below="bedroom_train_lmdb",
                ),
            ),
            ratio=188 / 256,
            num_shards=64,
            gamma=100.0,
        ),
        Entry(
            "cartoonset",
            "CartoonSet 10k",
            10_000,
            (
                Archive(
                    "cartoonset10k.tgz",
                    "https://storage.googleapis.com/cartoonset_public_files/cartoonset10k.tgz",
                    None,  # the publisher gives none
                    0.4,
                    TARRED_IMAGES,
                ),
            ),
            resolution=64,
        ),
    )
}
