"""Iterators whose deletion takes long."""

from __future__ import annotations

import threading

from gansformer_tf.data.read.release_iterators import release


class Iterator:
    """Its deletion ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __del__(self) -> None:
        self.begun.set()
        self.may_end.wait(60)
        self.ended.set()


def test_nobody_waits_for_a_long_deletion():
    iterator = Iterator()
    begun, may_end, ended = iterator.begun, iterator.may_end, iterator.ended
    holder = [iterator]
    del iterator
    release(holder)
    assert begun.is_set() and not ended.is_set()
    may_end.set()
    assert ended.wait(60)


def test_nothing_to_release():
    release([None])
