"""Ctrl-C and SIGTERM ask for a stop."""

from __future__ import annotations

import os
import signal

import pytest

from gansformer_tf.training.signals import Stopped, StopRequest


def test_a_signal_is_noted_and_the_handler_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest(at_once=False) as stop:
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        assert signal.getsignal(signal.SIGTERM) is before, "a second signal acts as it would outside"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_raises_while_there_is_nothing_to_save():
    with pytest.raises(Stopped), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)


def test_both_of_two_contexts_hear_of_it():
    before = signal.getsignal(signal.SIGINT)
    with StopRequest(at_once=False) as outer:
        with StopRequest(at_once=False) as inner:
            os.kill(os.getpid(), signal.SIGINT)
        assert inner.requested and outer.requested
        assert signal.getsignal(signal.SIGINT) is before, "the outer handler must not come back"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_inner_context_without_a_signal_leaves_the_outer_one_at_work():
    with StopRequest(at_once=False) as outer:
        with StopRequest(at_once=False):
            pass
        os.kill(os.getpid(), signal.SIGINT)
        assert outer.requested
