"""An ONNX model with sides of its input and outputs set free.

Knows as much of the protocol-buffer encoding, and of ``onnx.proto``, as leads from a model to the sizes that its
graph's input and outputs declare. Refuses to know nodes and weights.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["freed"]

#: Field numbers of onnx.proto: ModelProto.graph; GraphProto.input, .output, .value_info; ValueInfoProto.type;
#: TypeProto.tensor_type; TypeProto.Tensor.shape; TensorShapeProto.dim.
_GRAPH, _INPUT, _OUTPUT, _KNOWN, _TYPE, _TENSOR, _SHAPE, _DIM = 7, 11, 12, 13, 2, 1, 2, 1
_DIM_PARAM = 2
_BELOW = {
    (): (_GRAPH,),
    (_GRAPH,): (_INPUT, _OUTPUT),
    (_GRAPH, 0): (_TYPE,),
    (_GRAPH, 0, _TYPE): (_TENSOR,),
    (_GRAPH, 0, _TYPE, _TENSOR): (_SHAPE,),
}


def freed(model: bytes) -> bytes:
    """The model with each dimension of its graph's input and outputs a name instead of a number."""
    return _message(model, ())


def _message(data: bytes, path: tuple[int, ...]) -> bytes:
    out, wanted = [], _BELOW.get(path, ())
    for number, wire, value, raw in _fields(data):
        if path == (_GRAPH,) and number == _KNOWN:
            continue  # sizes of what lies between: they follow from the others
        if wire == 2 and number in wanted:
            below = (_GRAPH, 0) if path == (_GRAPH,) else (*path, number)
            inner = _shape(value) if number == _SHAPE and path[-1:] == (_TENSOR,) else _message(value, below)
            out.append(_varint(number << 3 | 2) + _varint(len(inner)) + inner)
        else:
            out.append(raw)
    return b"".join(out)


def _shape(data: bytes) -> bytes:
    """A shape of as many dimensions, each free and of its own name."""
    count = sum(number == _DIM for number, *_ in _fields(data))
    out = b""
    for at in range(count):
        name = b"n%d_%d" % (len(data), at)
        dimension = _varint(_DIM_PARAM << 3 | 2) + _varint(len(name)) + name
        out += _varint(_DIM << 3 | 2) + _varint(len(dimension)) + dimension
    return out


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """(field number, wire type, content, whole field) one after another."""
    at = 0
    while at < len(data):
        start = at
        key, at = _read(data, at)
        wire = key & 7
        if wire == 2:
            size, at = _read(data, at)
            value, at = data[at : at + size], at + size
        elif wire == 0:
            begin = at
            _, at = _read(data, at)
            value = data[begin:at]
        else:
            size = {1: 8, 5: 4}[wire]
            value, at = data[at : at + size], at + size
        yield key >> 3, wire, value, data[start:at]


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
