"""The names of an exported file's input and output, for those who must not import onnx."""

INPUT, OUTPUT = "images", "logits"
