# A window out of its C structures, as a batch carries it: the only way out.  The reveal rule is applied here.

from libc.stdint cimport int64_t
from whimbrel.summary.template cimport Node
from whimbrel.summary.window cimport WindowData

# docs/batch.md's part "window"; the next window begins.  explained: None, or a list that gets an Explained for
# every string in it that is not a field's name
cdef dict window_close(WindowData* w, int64_t start_ns, int64_t end_ns, object explained)

cdef dict window_counts(const WindowData* w)    # since the start, by name
cdef void window_forget_told(WindowData* w) noexcept   # a batch was lost: all schemas are told again
cdef str put_text(const Node* n, bint whole)     # an endpoint's template, or one node's own text; by the reveal rule
