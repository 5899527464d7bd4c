"""Fashion-MNIST: 70,000 grey 28x28 pictures of clothes (arXiv:1708.07747, Zalando SE, MIT licence).

The MD5 of the zipped files are those of its README. Debian ships the same compressed streams with
the gzip header's name and date stripped; with these put back all four MD5 are met, and the other
checksums here come from those files. The npm package fashion-mnist@1.1.0 is no origin: it holds an
earlier edition (some 5,600 of its images are not in the published set) without the official order.
"""

import functools

from bitwright.tasks.data.download import Download
from bitwright.tasks.data.idx import FILES, read_idx_set
from bitwright.tasks.data.packages import DebianPackage
from bitwright.tasks.data.source import Pin, Source

_ZIPPED_MD5 = (
    ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
    ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
    ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
)
_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
FASHION_MNIST = Source(
    name="fashion-mnist",
    classes=(
        "t-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    shape=(1, 28, 28),
    train=Pin(60_000, "1f243a60b4b748a44c48b9a6f6907be2a08bee3e4e226f0e86fbde8e147b745a"),
    test=Pin(10_000, "9a494dc49efeb996f4076c469b31cd058152067b1594ba6ab85dd739fce3775e"),
    files=FILES,
    read=functools.partial(read_idx_set, md5=_MD5),
    origins=(
        Download("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", _ZIPPED_MD5),
        DebianPackage("dataset-fashion-mnist", tuple(name for name, _ in _ZIPPED_MD5)),
    ),
)
