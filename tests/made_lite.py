"""A small TensorFlow Lite network, made here: it adds a number to what it is given."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def adder(width: int, number: float) -> bytes:
    """The file of a network from [1, width] to [1, width], float32."""
    model = schema.ModelT()
    model.version = 3
    addition = schema.OperatorCodeT()
    addition.builtinCode = addition.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    model.operatorCodes = [addition]
    model.buffers = [schema.BufferT() for _ in range(4)]
    model.buffers[2].data = list(np.full(width, number, "<f4").tobytes())
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(name, width, buffer) for buffer, name in enumerate(("given", "added", "sum"), 1)]
    graph.inputs, graph.outputs = [0], [2]
    step = schema.OperatorT()
    step.opcodeIndex, step.inputs, step.outputs = 0, [0, 1], [2]
    step.builtinOptionsType, step.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph.operators = [step]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, width: int, buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, [1, width], buffer
    tensor.type = schema.TensorType.FLOAT32
    return tensor
