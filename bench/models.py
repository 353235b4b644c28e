"""The models of the measurements: random weights of the size that training gives, from fixed seeds.

Trained weights of these shapes are not to be had without downloads. What proving costs does not depend
on them; fidelity does, so it is stated against random inputs, and says so.
"""

import json
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = {
    "mlp-64-32-10": ("mlp", [64, 32, 10]),
    "mlp-784-128-10": ("mlp", [784, 128, 10]),
    "mlp-784-512-256-10": ("mlp", [784, 512, 256, 10]),
    "lenet-5": ("lenet", []),
    "mlp-784-2000-60-4000-10": ("mlp", [784, 2000, 60, 4000, 10]),
    "mlp-784-4096-4096-10": ("mlp", [784, 4096, 4096, 10]),
}


class Network:
    """Nodes and weights, in the order in which they are added."""

    def __init__(self, name):
        self.name, self.nodes, self.weights, self.last = name, [], [], "x"
        self.random = numpy.random.default_rng([ord(letter) for letter in name])

    def add(self, op, *weights, **attributes):
        """One node on the last value. Weights are arrays."""
        names = []
        for weight in weights:
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(weight.astype(numpy.float32), names[-1]))
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.last, *names], [output], **attributes))
        self.last = output

    def gaussian(self, shape, fan_in):
        """Weights that keep the size of what passes through a layer and a ReLU (He et al., 2015)."""
        return self.random.standard_normal(shape) * numpy.sqrt(2 / fan_in)

    def dense(self, widths):
        for index, (width, height) in enumerate(zip(widths, widths[1:])):
            self.add("Gemm", self.gaussian((width, height), width), self.random.standard_normal(height) * 0.1)
            if index + 2 < len(widths):
                self.add("Relu")

    def conv(self, channels_in, channels_out, pads):
        weight = self.gaussian((channels_out, channels_in, 5, 5), 25 * channels_in)
        bias = self.random.standard_normal(channels_out) * 0.1
        self.add("Conv", weight, bias, kernel_shape=[5, 5], pads=[pads] * 4, strides=[1, 1])
        self.add("Relu")
        self.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def model(self, shape):
        self.nodes[-1].output[0] = "y"
        value = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        graph = helper.make_graph(self.nodes, self.name, [value("x", shape)], [value("y", [1, 10])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def write(name, folder):
    """Writes NAME.onnx and NAME.json, the input in ezkl's form; gives the paths and the shape."""
    kind, widths = MODELS[name]
    network = Network(name)
    if kind == "mlp":
        shape = [1, widths[0]]
        network.dense(widths)
    else:
        shape = [1, 1, 28, 28]
        network.conv(1, 6, 2)
        network.conv(6, 16, 0)
        network.add("Flatten", axis=1)
        network.dense([400, 120, 84, 10])
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, data = folder / f"{name}.onnx", folder / f"{name}.json"
    onnx.save(network.model(shape), model)
    # Multiples of 1/127.5 would not be exact anywhere; these are what a picture has.
    pixels = network.random.integers(0, 256, int(numpy.prod(shape))) / 256
    data.write_text(json.dumps({"input_data": [pixels.tolist()]}))
    return model, data, shape


if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        print(write(name, sys.argv[1])[0])
