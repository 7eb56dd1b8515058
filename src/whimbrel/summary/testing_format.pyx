"""Formats and the look of values, callable from Python, for their tests and measurements."""

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport slice_of
from whimbrel.summary.format cimport FORMATS, format_of, looks_like_value

COUNT = FORMATS


def format_number(bytes text, bint whole=True):
    cdef bytearray own = bytearray(text)  # a block of its own: the sanitizers see a read beyond it
    return format_of(slice_of(<const uint8_t*> own, len(own)), whole)


def is_value(bytes text):
    cdef bytearray own = bytearray(text)
    return bool(looks_like_value(slice_of(<const uint8_t*> own, len(own))))
