"""Runs SavedModels where neither this package nor Keras can be imported: `python -I outside.py JOB.json RESULTS.npz`.

JOB.json: {name: {"folder": ..., "calls": {call: [signature, {input: nested list}]}}}. Results: `name/call/output`, and
`name/ops`, every op of the graph, `name/strange`, those that TensorFlow alone does not know.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys


class Forbidden:
    """Finds modules that must not be needed, and refuses to load them. (TensorFlow looks where Keras would be.)"""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("gansformer_tf", "keras", "tf_keras"):
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def create_module(self, spec):
        raise ImportError(f"{spec.name} must not be needed")

    def exec_module(self, module):
        """Never reached."""


sys.meta_path.insert(0, Forbidden())

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402
from tensorflow.python.framework import op_def_registry  # noqa: E402


def ops_of(folder: str) -> set[str]:
    with open(f"{folder}/saved_model.pb", "rb") as file:
        graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return {node.op for node in nodes} - functions


def main(source: str, target: str) -> None:
    with open(source, encoding="utf-8") as file:
        jobs = json.load(file)
    results = {}
    for name, job in jobs.items():
        ops = ops_of(job["folder"])
        results[f"{name}/ops"] = np.array(sorted(ops))
        results[f"{name}/strange"] = np.array(sorted(op for op in ops if op_def_registry.get(op) is None), dtype=str)
        loaded = tf.saved_model.load(job["folder"])
        for call, (signature, inputs) in job["calls"].items():
            function = loaded.signatures[signature]
            specs = function.structured_input_signature[1]
            outputs = function(**{key: tf.constant(value, specs[key].dtype) for key, value in inputs.items()})
            for key, value in outputs.items():
                array = value.numpy()
                if array.dtype == object:  # files: decoded here, as a user would
                    array = np.stack([tf.io.decode_png(content).numpy() for content in array])
                results[f"{name}/{call}/{key}"] = array
    assert not any(module.split(".")[0] in ("gansformer_tf", "keras") for module in sys.modules)
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
