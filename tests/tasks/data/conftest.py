"""Real images: a sample of Fashion-MNIST in the official format, full sets where they are."""

import dataclasses
import functools
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitwright.tasks.data.cache import cache_folder
from bitwright.tasks.data.idx import FILES, read_idx_set
from bitwright.tasks.data.images import ImageSplit
from bitwright.tasks.data.registry import find_source
from bitwright.tasks.data.source import Pin, Source

FOLDER = Path(__file__).parents[2] / "data" / "fashion-mnist"
MD5 = {
    "train-images-idx3-ubyte": "b59ba5ca88b4775d5acbe6dfff71f7dd",
    "train-labels-idx1-ubyte": "110fc2e95db98f389284f1b2303525bf",
    "t10k-images-idx3-ubyte": "b2ef9046e4d68638d113ca9d76854565",
    "t10k-labels-idx1-ubyte": "cbb9007b6880c240856c9b584b3c8c72",
}
TRAIN_SHA256 = "bb7af4bab06e9a8b4ed0364d5813db7f1d1784cf59c26afa091131f799b3fe10"
TEST_SHA256 = "afcf4aafd5e9a8d54c2fe359d97ecd42ef638529eed4c56d0323c04a2820baa7"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("dataset"):
        source = find_source(mark.args[0])
        assert source is not None
        if not source.stored(cache_folder()).is_file():
            pytest.skip(f"{source.name} is not in the cache: bitwright data fetch {source.name}")


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """The sample's four gzipped IDX files."""
    return FOLDER


@pytest.fixture(scope="session")
def sample() -> tuple[ImageSplit, ImageSplit]:
    """The sample: 200 training and 100 test images."""
    return read_idx_set(FOLDER, md5=MD5)


@pytest.fixture
def sample_source() -> Source:
    """The sample as a named data set that nobody offers."""
    return Source(
        name="sample",
        classes=tuple("0123456789"),
        train=Pin(200, TRAIN_SHA256),
        test=Pin(100, TEST_SHA256),
        files=FILES,
        read=functools.partial(read_idx_set, md5=MD5),
    )


@pytest.fixture
def offered_by(sample_source: Source) -> Callable[..., Source]:
    """The sample with origins."""
    return lambda *origins: dataclasses.replace(sample_source, origins=origins)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a web server that offers the sample's files."""
    handler = functools.partial(_Quiet, directory=str(FOLDER))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()
        thread.join()


@pytest.fixture
def dead_address() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
