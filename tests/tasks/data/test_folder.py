import hashlib

import numpy as np
import pytest
from PIL import Image

from bitwright.errors import DataError
from bitwright.tasks.data.load import load


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def clothes(sample, tmp_path):
    """The first 60 real images of the sample as class folders of PNG files."""
    train, _ = sample
    folder = tmp_path / "clothes"
    for number in range(60):
        label = train.labels[number]
        save(folder / f"class{label}" / f"{number:03}.png", train.images[number, 0])
    return folder


def test_class_folders_become_a_stratified_split(clothes, sample):
    data = load(str(clothes))
    assert data.name == "clothes"
    assert data.classes == tuple(f"class{label}" for label in range(10))
    assert data.train.images.shape[1:] == (1, 28, 28)
    counts = np.bincount(sample[0].labels[:60])
    held = [max(1, round(0.2 * count)) for count in counts]
    assert np.bincount(data.test.labels).tolist() == held
    everything = {image.tobytes() for image in (*data.train.images, *data.test.images)}
    assert everything == {image.tobytes() for image in sample[0].images[:60]}


def test_the_split_follows_the_hash_of_the_relative_path(clothes):
    files = sorted((clothes / "class3").glob("*.png"))
    held = sorted(files, key=lambda path: hashlib.sha1(f"class3/{path.name}".encode()).hexdigest())[
        : max(1, round(0.2 * len(files)))
    ]
    data = load(str(clothes))
    expected = {np.asarray(Image.open(path)).tobytes() for path in held}
    found = data.test.images[data.test.labels == data.classes.index("class3")]
    assert {image.tobytes() for image in found} == expected


def test_given_train_and_test_folders_are_kept(clothes, tmp_path):
    split = tmp_path / "split"
    split.mkdir()
    for part in ("train", "test"):
        (split / part).symlink_to(clothes)
    data = load(str(split))
    assert len(data.train) == len(data.test) == 60


def test_one_colour_picture_makes_three_channels(clothes, sample):
    red = np.zeros((28, 28, 3), np.uint8)
    red[..., 0] = 250
    save(clothes / "class0" / "red.png", red)
    data = load(str(clothes))
    assert data.train.images.shape[1:] == (3, 28, 28)
    pictures = np.concatenate([data.train.images, data.test.images])
    assert any(np.array_equal(picture, red.transpose(2, 0, 1)) for picture in pictures)


def test_other_files_and_hidden_folders_are_passed_over(clothes):
    before = load(str(clothes)).digest
    (clothes / "class0" / "notes.txt").write_text("not a picture")
    (clothes / ".thumbnails").mkdir()
    assert load(str(clothes)).digest == before


def test_unequal_sizes_name_both_files(clothes):
    save(clothes / "class1" / "zz.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(DataError, match=r"is 28x28 pixels, '.*zz.png' is 30x20; bring all"):
        load(str(clothes))


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_an_unreadable_picture_is_named(clothes, content):
    (clothes / "class1" / "zz.png").write_bytes(content)
    with pytest.raises(DataError, match=r"zz.png' cannot be read as an image .*replace or remove"):
        load(str(clothes))


def test_a_cut_picture_is_named(clothes):
    path = sorted((clothes / "class1").iterdir())[0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{path.name}' cannot be read as an image"):
        load(str(clothes))


def test_sixteen_bit_pictures_are_refused(clothes):
    save(clothes / "class1" / "zz.png", np.full((28, 28), 40_000, np.uint16))
    with pytest.raises(DataError, match=r"zz\.png' has pixels of kind 'I;16'"):
        load(str(clothes))


def test_an_empty_folder_an_empty_class_and_a_lone_image_are_refused(clothes, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty' holds no class folders"):
        load(str(tmp_path / "empty"))
    (clothes / "void").mkdir()
    with pytest.raises(DataError, match="void' holds no images"):
        load(str(clothes))
    save(clothes / "void" / "only.png", np.zeros((28, 28), np.uint8))
    with pytest.raises(DataError, match="void' holds one image; at least two"):
        load(str(clothes))


def test_one_class_only_is_refused(clothes, tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "class1").symlink_to(clothes / "class1")
    with pytest.raises(DataError, match="of one class, 'class1'"):
        load(str(tmp_path / "alone"))


def test_a_test_class_that_is_not_trained_is_refused(clothes, tmp_path):
    split = tmp_path / "split"
    (split / "train").mkdir(parents=True)
    for name in ("class0", "class1"):
        (split / "train" / name).symlink_to(clothes / name)
    (split / "test").symlink_to(clothes)
    with pytest.raises(DataError, match="is of class 'class2', which has no folder"):
        load(str(split))
