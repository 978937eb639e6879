"""The private names of Keras, tf_keras, tfmot and TensorFlow that tfqd uses, each in one file.

They may change with every version. What is here is all that has to be looked at then.
"""

import ast
import collections
import re
import runpy

import keras
import pytest
from source_tree import MODULES

from tfqd.wrapping.insides import check_attributes

# By the file of tfqd/wrapping that uses them.
USED = {
    "bridge": "_inputs_struct",
    "compiled": "_compile_config",
    "keras3.features": "_layers",
    "keras3.first_step": "_compile_metrics",
    "keras3.insides": """
        _functional _inbound_nodes _nodes_by_depth _non_trainable_variables _path _run_through_graph
        _seed_generators _trainable _trainable_variables
        keras.src.backend.common.masking.get_keras_mask
        keras.src.backend.common.stateless_scope.in_stateless_scope
        keras.src.backend.common.variables.AutocastScope
        keras.src.export.export_utils._infer_input_signature_from_model
        keras.src.export.export_utils.make_tf_tensor_spec
        keras.src.losses.loss.scale_loss_for_distribution
        keras.src.losses.loss.unscale_loss_for_distribution
        keras.src.models.functional.Functional
        keras.src.saving.serialization_lib.ObjectSharingScope
        keras.src.saving.serialization_lib.SafeModeScope
    """,
    "keras3.layer": "_maybe_build",
    "keras3.own_steps": "_compute_loss_has_training_arg",
    "keras3.substitution": """
        _allow_non_tensor_positional_args _call_context_args _call_signature _direct_assign
        _dtype
    """,
    "keras3.training": "_aggregate_additional_loss _call_has_training_arg _compile_loss",
    "layers": "_flatten_layers",
    "outputs": "_keras_history",
    "serving": "_parent_trackable",
    "state": "_generator _random_generator",
    "tf_keras.cloning": "_build_input_shape _trainable",
    "tf_keras.insides": """
        _name _nested_outputs _nodes_by_depth _non_trainable_weights _set_output_names
        _tensor_usage_count _trainable_weights tf_keras.src.engine.functional.Functional
        tf_keras.src.mixed_precision.autocast_variable tf_keras.src.utils.losses_utils
    """,
    "tf_keras.model": "_is_graph_network",
    "tf_keras.toolkit": """
        tensorflow_model_optimization.python.core.keras.utils.smart_cond
        tensorflow_model_optimization.python.core.quantization.keras.quantize_annotate
        tensorflow_model_optimization.python.core.quantization.keras.quantize_aware_activation
        tensorflow_model_optimization.python.core.quantization.keras.quantize_layer
    """,
    "tf_keras.training": """
        _autotune_steps_per_execution _keras_mask _steps_per_execution _total_loss_mean
    """,
    "tf_keras.variable": "_callable_losses",
    "tf_keras.wrapper": "_call_spec",
    "weight_decay": "_use_weight_decay",
}
# tfqd's own, on its own objects, and those of named tuples.
OWN = {"_bits", "_bits_by_path", "_first_call", "_inner", "_kept", "_ran_quantized"}
OWN |= {"_asdict", "_fields", "_make", "_replace"}
PRIVATE_MODULE = re.compile(
    r"(keras|tf_keras|tensorflow_model_optimization|tensorflow)\.(src|python)\b"
)


def private_attributes(tree):
    """Names with an underscore of others' objects, also those that a function is told."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if ast.unparse(node.value) not in ("self", "cls", "super()"):
                yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            asked = node.args[1]
            if isinstance(asked, ast.Constant):
                yield asked.value


def private_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and PRIVATE_MODULE.match(node.module):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used_by(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    attributes = {
        name for name in private_attributes(tree) if re.match(r"_(?!_)", name) and name not in OWN
    }
    return attributes | {*private_imports(tree)}


def test_private_names_are_these():
    prefix = "tfqd.wrapping."
    found = {module.removeprefix(prefix): names for module in MODULES if (names := used_by(module))}
    assert found == {module: set(names.split()) for module, names in USED.items()}


def test_each_is_used_in_one_file_for_each_keras():
    files = collections.defaultdict(list)
    for module, names in USED.items():
        for name in names.split():
            files[name].append(module.split(".")[0])
    assert {name: where for name, where in files.items() if len(where) > len({*where})} == {}
    shared = {name for name, where in files.items() if {*where} - {"keras3", "tf_keras"}}
    assert {name for name in shared if len(files[name]) > 1} == set()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("keras.src.losses.loss", "scale_loss_for_distribution"),
        ("keras.layers.Layer", "_lock_state"),
    ],
)
def test_a_keras_that_lacks_one_is_refused_by_name(owner, name, monkeypatch):
    monkeypatch.delattr(f"{owner}.{name}")
    refusal = rf"cannot work with keras {keras.__version__}, .*\b{name}\b"
    with pytest.raises(ImportError, match=refusal):
        runpy.run_module("tfqd.wrapping.keras3.insides")


def test_all_that_is_missing_is_named():
    with pytest.raises(ImportError, match=r"Layer has no _one, _other$"):
        check_attributes(keras, keras.layers.Layer(), ["_one", "_lock_state", "_other"])
