"""How to quantize: pure functions on TensorFlow tensors, no Keras.

`uniform`, `learned_step` and `codebook` give the quantized tensor with its
training gradient; `uniform_codes`, `learned_step_codes` and `codebook_codes`
give what is stored, as `Codes`. The chapters are `buckets` (cutting a tensor), `scaling`
(the range of a bucket), `rounding`, `uniform`, `learned_step`, `codebook`,
`point_starts` (where the points of a codebook start), `entropy` (codes chosen with their
length in view), `frozen` (weights whose code is given), `coupling` (weights that attract
one another) and `pruning` (which weights to keep); of activations `fake_quantization` and
`range_starts`.
"""

from tfqd.ops.buckets import from_buckets as from_buckets
from tfqd.ops.buckets import per_bucket as per_bucket
from tfqd.ops.buckets import to_buckets as to_buckets
from tfqd.ops.codebook import codebook as codebook
from tfqd.ops.codebook import codebook_codes as codebook_codes
from tfqd.ops.codes import Codes as Codes
from tfqd.ops.coupling import attraction as attraction
from tfqd.ops.coupling import gathered as gathered
from tfqd.ops.coupling import largest_cluster as largest_cluster
from tfqd.ops.entropy import bits_spared_by_points as bits_spared_by_points
from tfqd.ops.entropy import bits_spared_by_steps as bits_spared_by_steps
from tfqd.ops.entropy import borders as borders
from tfqd.ops.entropy import entropy as entropy
from tfqd.ops.entropy import point_borders as point_borders
from tfqd.ops.entropy import shares as shares
from tfqd.ops.entropy_start import settled_frequency as settled_frequency
from tfqd.ops.entropy_start import settled_point_frequency as settled_point_frequency
from tfqd.ops.entropy_start import shortest_stretch as shortest_stretch
from tfqd.ops.entropy_start import steps_of_entropy as steps_of_entropy
from tfqd.ops.entropy_start import stretched as stretched
from tfqd.ops.fake_quantization import fake_quantize as fake_quantize
from tfqd.ops.fake_quantization import raised_to_range as raised_to_range
from tfqd.ops.learned_step import learned_step as learned_step
from tfqd.ops.learned_step import learned_step_codes as learned_step_codes
from tfqd.ops.learned_step import start_of_steps as start_of_steps
from tfqd.ops.learned_step import step_gradient_scale as step_gradient_scale
from tfqd.ops.learned_step import within_ends as within_ends
from tfqd.ops.point_starts import deviations as deviations
from tfqd.ops.point_starts import fitted_scales as fitted_scales
from tfqd.ops.point_starts import kmeans_points as kmeans_points
from tfqd.ops.point_starts import normal_points as normal_points
from tfqd.ops.point_starts import quantile_points as quantile_points
from tfqd.ops.point_starts import uniform_points as uniform_points
from tfqd.ops.pruning import STRUCTURES as STRUCTURES
from tfqd.ops.pruning import kept_weights as kept_weights
from tfqd.ops.range_starts import minmax_ends as minmax_ends
from tfqd.ops.range_starts import mse_ends as mse_ends
from tfqd.ops.range_starts import percentile_ends as percentile_ends
from tfqd.ops.rounding import to_e4m3 as to_e4m3
from tfqd.ops.rounding import to_integers as to_integers
from tfqd.ops.rounding import to_sizes as to_sizes
from tfqd.ops.scaling import bucket_range as bucket_range
from tfqd.ops.uniform import uniform as uniform
from tfqd.ops.uniform import uniform_codes as uniform_codes
from tfqd.ops.zeros import hold_zeros as hold_zeros
from tfqd.ops.zeros import with_zero as with_zero
