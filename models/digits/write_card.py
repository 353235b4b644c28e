#!/usr/bin/env python3
"""Writes FOLDER/CARD.md from card.template.md, the metrics and the files just made; refuses worse models.

usage: write_card.py FOLDER
"""

import datetime
import hashlib
import importlib.metadata
import json
import platform
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Equal bytes are not promised between processors; this much is, in points of accuracy.
TOLERANCE = 0.3
TEXT = HERE / "card.template.md"
MADE = ["features.pt", "head.onnx", "metrics.json"]


def main(folder):
    folder = Path(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    test = metrics["test"]
    if (HERE / "metrics.json").exists():
        stated = json.loads((HERE / "metrics.json").read_text())["test"]
        for name in ["float_accuracy", "i8_features_accuracy"]:
            change = 100 * (test[name] - stated[name])
            if abs(change) > TOLERANCE:
                sys.exit(f"train: error: {name} differs by {change:+.2f} points from the card; remove metrics.json to accept it")

    data = sorted(str(path.relative_to(HERE)) for part in ["data", "images"] for path in (HERE / part).iterdir())
    paths = {name: HERE / name for name in data} | {name: folder / name for name in MADE}
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ["scikit-learn", "numpy", "onnx"])
    fields = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": versions,
        "seed": metrics["seed"],
        "epochs": metrics["epochs"],
        "train_images": metrics["train_images"],
        "test_images": metrics["test_images"],
        "float": percent(test["float_accuracy"]),
        "i8": percent(test["i8_features_accuracy"]),
        "train": percent(metrics["train_accuracy"]),
        "bound": percent(test["features_at_the_bound"]),
        "digests": "\n".join(f"{sha256(path)}  {name}" for name, path in sorted(paths.items())),
    }
    card = TEXT.read_text()
    for name, value in fields.items():
        card = card.replace("{" + name + "}", str(value))
    (folder / "CARD.md").write_text(card)
    print(f"test split: float {fields['float']}, with i8 features {fields['i8']}")


def percent(share):
    return f"{100 * share:.2f} %"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
