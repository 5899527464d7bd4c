import gzip

import numpy as np
import pytest

from bitwright.tasks.data.idx import decode_idx, read_idx_set
from bitwright.tasks.data.origin import OriginError

CONTENT = b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + bytes([1, 2, 3, 4, 5, 255])


def test_decodes_sizes_and_values():
    assert decode_idx(CONTENT, "f").tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file"),
        (b"\x1f\x8b\x08\x00", "no IDX file"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "no IDX file of bytes"),
        (CONTENT[:-1], r"\[2, 3\] values but holds 5"),
        (CONTENT[:9], "cut off"),
    ],
)
def test_damaged_content_is_refused(content, message):
    with pytest.raises(OriginError, match=message):
        decode_idx(content, "train-images")


def test_the_official_sample_reads_as_published(sample):
    train, test = sample
    assert train.images.shape == (200, 1, 28, 28)
    assert test.images.shape == (100, 1, 28, 28)
    assert train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert train.labels.dtype == np.int64


def test_files_may_lie_unzipped_in_a_folder_below(sample_folder, sample_source, sample, tmp_path):
    (tmp_path / "raw").mkdir()
    for path in sample_folder.glob("*.gz"):
        (tmp_path / "raw" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    train, _ = sample_source.read(tmp_path)
    assert np.array_equal(train.images, sample[0].images)


def test_a_file_with_another_checksum_is_named(sample_folder):
    names = [path.stem for path in sample_folder.glob("*.gz")]
    with pytest.raises(OriginError, match=r"'train-images-idx3-ubyte.gz' has MD5 b59ba5ca"):
        read_idx_set(sample_folder, md5=dict.fromkeys(names, "0" * 32))


def test_a_truncated_gzip_is_named(sample_folder, sample_source, tmp_path):
    whole = (sample_folder / "train-images-idx3-ubyte.gz").read_bytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(whole[:-100])
    with pytest.raises(OriginError, match=r"train-images-idx3-ubyte\.gz' cannot be read"):
        sample_source.read(tmp_path)
