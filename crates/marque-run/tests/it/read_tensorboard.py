"""Prints what TensorBoard's own readers find in the folder of event files that is named: tag, step and value, on a line each."""

import logging
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2


def told(*fields):
    print(*fields, sep="\t")


def values(events):
    tags = events.Tags()
    for tag in tags["scalars"]:
        for event in events.Scalars(tag):
            told(tag, event.step, event.value)
    for tag in tags["images"]:
        for image in events.Images(tag):
            told(tag, image.step, f"{image.width}x{image.height}")
    for tag in tags["histograms"]:
        for event in events.Histograms(tag):
            told(tag, event.step, int(event.histogram_value.num))
    for node in events.Graph().node:
        told(f"node {node.name}", 0, node.op)


def hyper_parameters(events):
    def data(tag):
        content = events.SummaryMetadata(tag).plugin_data.content
        return plugin_data_pb2.HParamsPluginData.FromString(content)

    start = data("_hparams_/session_start_info").session_start_info
    for name, value in start.hparams.items():
        told(f"hyper-parameter {name}", 0, getattr(value, value.WhichOneof("kind")))
    end = data("_hparams_/session_end_info").session_end_info
    told("session", 0, api_pb2.Status.Name(end.status))


if __name__ == "__main__":
    logging.disable()
    # 0 keeps all values, where otherwise some are drawn at random.
    everything = {kind: 0 for kind in ("scalars", "images", "histograms", "tensors")}
    found = EventAccumulator(sys.argv[1], size_guidance=everything).Reload()
    values(found)
    hyper_parameters(found)
