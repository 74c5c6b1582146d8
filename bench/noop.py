"""What the benchmark runs in Python's Celery: a task that does nothing, one that says when it began, and their sender."""
import json
import logging
import os
import socket
import time

from celery import Celery

app = Celery('noop')
app.conf.update(json.loads(os.environ.get('CELERY_SETTINGS', '{}')))

# The worker says at this level that it is ready; two lines a task would be what is measured.
for name in ('celery.worker.strategy', 'celery.app.trace'):
    logging.getLogger(name).setLevel(logging.WARNING)


@app.task(name='noop')
def noop(i=0):
    pass


@app.task(name='mark')
def mark(port=0):
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    with socket.create_connection(('127.0.0.1', port)) as line:
        line.sendall(b'%d' % now)


def fill(count):
    began = time.monotonic()
    for i in range(count):
        noop.apply_async(kwargs={'i': i})
    return count / (time.monotonic() - began)


def send_mark(port):
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    mark.apply_async(kwargs={'port': port})
    return str(now)
