#!/usr/bin/env python3
"""Writes scikit-learn's handwritten digits as data/*.npy and a few of them as images/*.png.

1,797 images of 8x8 pixels, levels 0 to 16. One fifth of each class is the test split. Which fifth follows
from the place of an image in scikit-learn's file and from SEED alone, so every version of Python, NumPy
and scikit-learn makes the same files.
"""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

SEED = b"assay/digits/1"
TEST_ONE_IN = 5
HERE = Path(__file__).resolve().parent


def main():
    digits = load_digits()
    levels = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    assert levels.shape == (1797, 8, 8) and levels.max() == 16 and (levels == digits.images).all()

    test = split(labels)
    train = np.setdiff1d(np.arange(len(labels)), test)
    data = HERE / "data"
    data.mkdir(exist_ok=True)
    for name, index in [("train", train), ("test", test)]:
        np.save(data / f"{name}-images.npy", levels[index])
        np.save(data / f"{name}-labels.npy", labels[index])
        print(f"{name}: {len(index)} images, {np.bincount(labels[index]).tolist()} of each class")
    write_images(levels[test], labels[test])


def split(labels):
    """The places of the test images, ascending."""
    chosen = []
    for digit in range(10):
        places = np.flatnonzero(labels == digit).tolist()
        places.sort(key=lambda place: hashlib.sha256(SEED + struct.pack(">I", place)).digest())
        chosen += places[: round(len(places) / TEST_ONE_IN)]
    return np.array(sorted(chosen))


def write_images(levels, labels):
    """The first test image of each digit, white on black; and two of them larger."""
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    index = []
    for digit in range(10):
        place = int(np.flatnonzero(labels == digit)[0])
        index.append(save_png(images / f"digit-{digit}.png", grey(levels[place]), place, digit))
    # 32 is a multiple of 8: each pixel four times across and down. 28 is not: bilinear.
    seven, three = (int(np.flatnonzero(labels == digit)[1]) for digit in (7, 3))
    large = grey(levels[seven]).repeat(4, axis=0).repeat(4, axis=1)
    index.append(save_png(images / "large-7.png", large, seven, 7))
    index.append(save_png(images / "smooth-3.png", smooth(grey(levels[three]), 28), three, 3))
    (images / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def grey(levels):
    """Level 16 is white: round(level * 255 / 16), halves up."""
    return ((levels.astype(np.uint16) * 510 + 16) // 32).astype(np.uint8)


def smooth(image, size):
    at = np.clip((np.arange(size) + 0.5) * len(image) / size - 0.5, 0, len(image) - 1)
    rows = np.array([np.interp(at, np.arange(len(image)), row) for row in image.astype(float)])
    both = np.array([np.interp(at, np.arange(len(image)), column) for column in rows.T]).T
    return np.floor(both + 0.5).astype(np.uint8)


def save_png(path, pixels, place, digit):
    """8-bit greyscale, no filter. Its compressed bytes may differ between versions of zlib."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n"
    for kind, body in parts:
        png += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(png)
    return {"file": path.name, "test_index": place, "label": digit}


if __name__ == "__main__":
    main()
