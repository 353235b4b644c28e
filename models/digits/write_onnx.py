#!/usr/bin/env python3
"""Writes head.onnx from the arrays in a folder: Gemm, Relu, Gemm, named as PyTorch's exporter names them.

usage: write_onnx.py FOLDER_OF_NPY OUTPUT
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


def main(folder, output):
    names = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    arrays = {name: np.load(Path(folder) / f"{name}.npy") for name in names}
    assert all(array.dtype == np.float32 for array in arrays.values())
    hidden, features = arrays["fc1.weight"].shape
    classes = arrays["fc2.weight"].shape[0]
    assert arrays["fc2.weight"].shape == (classes, hidden)

    gemm = {"alpha": 1.0, "beta": 1.0, "transB": 1}
    graph = helper.make_graph(
        [
            helper.make_node(
                "Gemm", ["features", "fc1.weight", "fc1.bias"], ["/fc1/Gemm_output_0"], name="/fc1/Gemm", **gemm
            ),
            helper.make_node("Relu", ["/fc1/Gemm_output_0"], ["/relu/Relu_output_0"], name="/relu/Relu"),
            helper.make_node(
                "Gemm", ["/relu/Relu_output_0", "fc2.weight", "fc2.bias"], ["logits"], name="/fc2/Gemm", **gemm
            ),
        ],
        "main_graph",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, producer_name="assay", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    checker.check_model(model, full_check=True)
    onnx.save(model, output)
    print(f"{output}: {features} -> {hidden} -> {classes}, opset {OPSET}")


if __name__ == "__main__":
    main(*sys.argv[1:])
