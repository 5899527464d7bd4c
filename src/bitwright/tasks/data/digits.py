"""Digits: 1,797 real 8x8 pictures of handwritten digits, part of the program.

They are the test set of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak
1998, CC BY 4.0), as scikit-learn bundles them. The codes are the original grey values 0 to 16,
unscaled. A fifth of every class, drawn once by `holdout` with seed 0, is the test split.
"""

from pathlib import Path

from bitwright.tasks.data.source import Pin, Source

DIGITS = Source(
    name="digits",
    classes=tuple("0123456789"),
    shape=(1, 8, 8),
    train=Pin(1438, "7d8b10a989607dd2e5cf58f0062571048f1939dedbc5d528405f7c5a68c0fd51"),
    test=Pin(359, "6b09acf320316d72f1a9cc6433ddb081381c0dcc513952f31c0ecb0b7622377d"),
    embedded=Path(__file__).with_name("digits.npz"),
)
