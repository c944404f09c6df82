"""Ctrl-C and SIGTERM ask for a stop."""

from __future__ import annotations

import hashlib
import os
import signal
import threading

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


def test_a_signal_is_heard_while_the_main_thread_computes_outside_of_python():
    heard = []
    with StopRequest(at_once=False) as stop:
        stop.when_heard = lambda: heard.append(stop.requested)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not stop.requested:
            hashlib.pbkdf2_hmac("sha256", b"", b"", 3_000_000)  # seconds, in which no handler runs
    assert heard == [False, True]


def test_what_listened_before_listens_again_and_other_signals_are_not_heard():
    outside, heard = signal.set_wakeup_fd(-1), []
    signal.set_wakeup_fd(outside)
    with StopRequest(at_once=False) as stop:
        stop.when_heard = lambda: heard.append(1)
        before = signal.signal(signal.SIGUSR1, lambda *_: None)
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, before)
    assert (signal.set_wakeup_fd(outside), heard) == (outside, [])
