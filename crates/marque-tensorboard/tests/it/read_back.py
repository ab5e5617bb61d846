"""Prints what TensorBoard's own readers find in the folder of event files that is named."""

import logging
import sys

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
from tensorboard.util.tensor_util import make_ndarray

KINDS = ("scalars", "images", "histograms", "tensors")


def values(folder):
    events = EventAccumulator(folder, size_guidance={kind: 0 for kind in KINDS}).Reload()
    print("file version", events.file_version)
    tags = events.Tags()
    for tag in tags["scalars"]:
        print("scalar", tag, [(event.step, round(event.value, 6)) for event in events.Scalars(tag)])
    for tag in tags["images"]:
        for image in events.Images(tag):
            print("image", tag, image.step, image.width, image.height, len(image.encoded_image_string))
    for tag in tags["histograms"]:
        for event in events.Histograms(tag):
            histogram = event.histogram_value
            numbers = (histogram.num, histogram.min, histogram.max, histogram.sum, histogram.sum_squares)
            print("histogram", tag, event.step, *numbers, histogram.bucket)
    for tag in tags["tensors"]:
        plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
        tensors = [make_ndarray(event.tensor_proto).tolist() for event in events.Tensors(tag)]
        texts = [tensor.decode() if isinstance(tensor, bytes) else tensor for tensor in tensors]
        print("tensor", plugin, tag, texts)
    for node in events.Graph().node if tags["graph"] else ():
        shapes = [[dim.size for dim in shape.dim] for shape in node.attr["_output_shapes"].list.shape]
        print("node", node.name, node.op, list(node.input), shapes)
        for name in sorted(set(node.attr) - {"_output_shapes"}):
            print("attribute", name, str(node.attr[name]).split())


def pages(folder):
    """What the pages show: they have a reader of their own."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(folder)
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, folder)
    runs = provider.read_scalars(RequestContext(), experiment_id="", plugin_name="scalars", downsample=100)
    for run, tags in runs.items():
        for tag in sorted(tags):
            print("curve", run, tag, [point.step for point in tags[tag]])
    hyper_parameters(provider)


def hyper_parameters(provider):
    context = backend_context.Context(TBContext(data_provider=provider))
    request = api_pb2.GetExperimentRequest(include_metrics=True)
    experiment = get_experiment.Handler(RequestContext(), context, "", request).run()
    for info in experiment.hparam_infos:
        print("column", info.name, api_pb2.DataType.Name(info.type))
    for info in experiment.metric_infos:
        print("metric", info.name.tag)
    statuses = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING]
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=statuses, slice_size=10, include_metrics=True, start_index=0
    )
    request.col_params.add(metric=api_pb2.MetricName(tag="validation/accuracy"))
    groups = list_session_groups.Handler(RequestContext(), context, "", request).run()
    for group in groups.session_groups:
        for name in sorted(group.hparams):
            value = group.hparams[name]
            print("hyper-parameter", name, getattr(value, value.WhichOneof("kind")))
        for session in group.sessions:
            times = session.start_time_secs > 0, session.end_time_secs >= session.start_time_secs
            print("session", api_pb2.Status.Name(session.status), *times)
            for value in session.metric_values:
                print("metric value", value.name.tag, value.training_step, value.value)


if __name__ == "__main__":
    logging.disable()
    values(sys.argv[1])
    pages(sys.argv[1])
