"""Writes the shards of a job with Apache Beam, on several machines if need be.

One element is one shard: a Beam worker reads its images, converts them with the same function as local workers do,
and writes the file. Source and data set must lie in folders that all machines share.
"""

from __future__ import annotations

import dataclasses
import shlex

from gansformer_tf.data.prepare.image_to_record import convert
from gansformer_tf.data.prepare.runner import Job, Runner
from gansformer_tf.data.prepare.shard_writer import PrepareError, write_shard


class BeamMissingError(RuntimeError):
    """Apache Beam is not installed."""


def beam_runner(options: str) -> Runner:
    """A runner that starts a Beam pipeline.

    Args:
        options: Beam's own flags, e.g. `--runner=FlinkRunner --flink_master=...`.

    Raises:
        BeamMissingError: The extra `[beam]` is not installed.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise BeamMissingError(
            "Apache Beam is not installed; install this package with its extra [beam], or leave --runner out."
        ) from error

    def run(job: Job) -> None:
        portable = dataclasses.replace(job, report=_no_report)  # a progress bar stays at home
        flags = PipelineOptions(shlex.split(options), save_main_session=False)
        try:
            with beam.Pipeline(options=flags) as pipeline:
                shards = pipeline | "shards" >> beam.Create(list(job.missing))
                shards | "spread" >> beam.Reshuffle() | "write" >> beam.Map(_write, portable)
        except PrepareError:
            raise
        except RuntimeError as error:
            raise PrepareError(_reason(error)) from error
        job.report(job.num_images, job.num_images)

    return run


def _no_report(done: int, total: int) -> None:
    pass


def _write(index: int, job: Job) -> None:
    results = (convert(item, job.config, job.value_range) for item in job.source.read(job.parts[index]))
    write_shard(job.store, index, job.names[index], results, job.on_error)


def _reason(error: RuntimeError) -> str:
    """Beam reports errors of workers as the text of a traceback: the last line that names ours says it."""
    lines = [line for line in str(error).splitlines() if "PrepareError:" in line]
    return lines[-1].split("PrepareError:", 1)[1].strip() if lines else f"Apache Beam failed: {error}"
