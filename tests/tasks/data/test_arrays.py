import numpy as np
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data.arrays import from_arrays
from bitwright.tasks.data.load import load


@pytest.fixture
def one(sample):
    """The sample's training images as one set of arrays, (N, H, W)."""
    train, _ = sample
    return {"images": train.images[:, 0], "labels": train.labels}


def test_npz_with_one_set_is_split_by_class(one, tmp_path):
    np.savez(tmp_path / "mine.npz", **one)
    data = load(str(tmp_path / "mine.npz"))
    assert (data.name, data.classes) == ("mine", tuple("0123456789"))
    assert data.origin == str(tmp_path / "mine.npz")
    counts = np.bincount(one["labels"])
    assert np.bincount(data.test.labels).tolist() == [round(0.2 * count) for count in counts]
    assert len(data.train) + len(data.test) == 200
    again = load(str(tmp_path / "mine.npz"))
    assert np.array_equal(again.test.images, data.test.images)


def test_two_sets_stay_as_they_are(sample):
    train, test = sample
    arrays = {
        "train_images": train.images,
        "train_labels": train.labels,
        "test_images": test.images,
        "test_labels": test.labels,
    }
    data = from_arrays("mine", arrays, "here")
    assert data.train.images.tobytes() == train.images.tobytes()
    assert data.test.labels.tolist() == test.labels.tolist()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ((6, 5, 4), (1, 5, 4)),
        ((6, 3, 5, 4), (3, 5, 4)),
        ((6, 5, 4, 3), (3, 5, 4)),
        ((6, 5, 4, 1), (1, 5, 4)),
        ((6, 2, 5, 4), (4, 2, 5)),  # only the last axis can be channels
        ((6, 3, 5, 3), (3, 5, 3)),
        ((6, 2, 5, 5), (2, 5, 5)),
    ],
)
def test_the_layout_rule(given, taken):
    images = np.arange(np.prod(given)).reshape(given) % 251
    data = from_arrays("mine", {"images": images, "labels": [0, 1] * 3}, "here")
    assert data.train.images.shape[1:] == taken


def test_channels_last_moves_pixels_not_just_shapes():
    images = np.zeros((4, 5, 6, 3), np.uint8)
    images[:, 1, 2, 0] = 200
    data = from_arrays("mine", {"images": images, "labels": [0, 1, 0, 1]}, "here")
    assert (data.train.images[:, 0, 1, 2] == 200).all()
    assert data.train.images.sum() == 200 * len(data.train)


def test_floats_are_mapped_by_the_range_of_the_training_data():
    train = np.array([-1.0, 0.0, 1.0, 3.0]).reshape(2, 1, 2)
    test = np.array([-5.0, 1.0, 2.0, 9.0]).reshape(2, 1, 2)
    arrays = {
        "train_images": train,
        "train_labels": [0, 1],
        "test_images": test,
        "test_labels": [0, 1],
    }
    data = from_arrays("mine", arrays, "here")
    assert data.train.images.ravel().tolist() == [0, 64, 128, 255]
    assert data.test.images.ravel().tolist() == [0, 128, 191, 255]


def test_small_whole_numbers_of_any_type_are_codes():
    images = np.array([0, 5, 200, 255], np.int32).reshape(2, 1, 2).repeat(2, axis=0)
    data = from_arrays("mine", {"images": images, "labels": [0, 0, 1, 1]}, "here")
    assert sorted(set(data.train.images.ravel().tolist())) == [0, 5, 200, 255]


def test_whole_numbers_beyond_a_byte_are_mapped():
    images = np.array([0, 500, 1000, 250], np.int32).reshape(2, 1, 2).repeat(2, axis=0)
    data = from_arrays("mine", {"images": images, "labels": [0, 0, 1, 1]}, "here")
    assert sorted(set(data.train.images.ravel().tolist())) == [0, 64, 128, 255]


def test_named_classes(one):
    names = [f"c{number}" for number in range(12)]
    assert from_arrays("mine", {**one, "classes": names}, "here").classes == tuple(names)


def broken(one, case):
    images, labels = one["images"].astype(np.float32), one["labels"].astype(np.float64)
    if case == "nan":
        images[7, 3, 2] = np.nan
    if case == "infinite":
        images[7, 3, 2] = -np.inf
    if case == "fraction":
        labels[4] = 1.5
    if case == "nan label":
        labels[4] = np.nan
    if case == "negative":
        labels[4] = -1
    if case == "gap":
        labels[labels == 3] = 12
    if case == "one class":
        labels[:] = 0
    if case == "too few":
        labels = labels[:-1]
    if case == "flat":
        images = images.reshape(200, -1)
    if case == "none":
        images, labels = images[:0], labels[:0]
    if case == "label matrix":
        labels = np.eye(10)[one["labels"]]
    return {"images": images, "labels": labels}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("nan", r"image 7 has the pixel value nan at \(channel, row, column\) \(0, 3, 2\)"),
        ("infinite", "image 7 has the pixel value -inf"),
        ("fraction", "image 4 has label 1.5; labels must be whole"),
        ("nan label", "image 4 has label nan"),
        ("negative", "image 4 has label -1"),
        ("gap", "no training image has label 3, but some have 4"),
        ("one class", "of one class, '0'"),
        ("too few", "200 images but 199 labels"),
        ("flat", r"shape \(200, 784\)"),
        ("none", "there is nothing in them"),
        ("label matrix", r"shape \(200, 10\); they must be \(N,\)"),
    ],
)
def test_bad_arrays_are_refused_with_the_place(one, tmp_path, case, message):
    np.savez(tmp_path / "mine.npz", **broken(one, case))
    with pytest.raises(DataError, match=message) as caught:
        load(str(tmp_path / "mine.npz"))
    assert "mine.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_label_beyond_the_named_classes_is_refused(one):
    with pytest.raises(DataError, match="has label 9; the 9 classes are numbered 0 to 8"):
        from_arrays("mine", {**one, "classes": list("abcdefghi")}, "here")


def test_missing_keys_are_told(one, tmp_path):
    np.savez(tmp_path / "mine.npz", images=one["images"], label=one["labels"])
    with pytest.raises(DataError, match="holds images, label; needed are images and labels, or"):
        load(str(tmp_path / "mine.npz"))


def test_text_for_pixels_or_labels_is_refused(one):
    with pytest.raises(DataError, match="pixels must be numbers"):
        from_arrays("mine", {**one, "images": np.full((200, 2, 2), "x")}, "here")
    with pytest.raises(DataError, match="number the classes from 0"):
        from_arrays("mine", {**one, "labels": np.full(200, "cat")}, "here")


def test_images_of_unequal_size_are_refused(tmp_path):
    images = [np.zeros((4, 4)), np.zeros((5, 5)), np.zeros((4, 4)), np.zeros((4, 4))]
    mine = {"images": images, "labels": [0, 0, 1, 1]}
    with pytest.raises(DataError, match=r"'here' images are no array .*bring all images to one"):
        from_arrays("mine", mine, "here")
    objects = np.array(images, object)
    with pytest.raises(DataError, match=r"of type object; .* all images of one size"):
        from_arrays("mine", {**mine, "images": objects}, "here")
    np.savez(tmp_path / "mine.npz", images=objects, labels=[0, 0, 1, 1])
    with pytest.raises(DataError, match="all images of one size"):
        load(str(tmp_path / "mine.npz"))
    with pytest.raises(DataError, match=r"'here' labels are no array .*one number for each image"):
        from_arrays("mine", {"images": np.zeros((3, 4, 4)), "labels": [0, [1, 2], 1]}, "here")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_broken_npz_is_named(tmp_path, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"mine\.npz' cannot be read as .npz"):
        load(str(tmp_path / "mine.npz"))


def test_pickled_objects_are_not_run(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.array([{"a": 1}], object), labels=np.array([0]))
    with pytest.raises(DataError, match="numbers only"):
        load(str(tmp_path / "mine.npz"))
