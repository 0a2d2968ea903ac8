"""What is measured and driven to its limits, beside the tests: speed, and faults by the thousand (``chaos``).

Speed: ``make bench``, or ``python -m benchmarks``.

* ``parts``: what is measured, one module each, with a ``Bench``, which knows sizes and files
* ``peers``: the same job done with other libraries, a script each
* ``bare_server``: the server that costs next to nothing; ``servers`` starts it
* ``measure``: time, CPU time and memory of a process tree; ``stopwatch``: CPU time within a load
* ``figures``, ``goals``, ``page``, ``plots``: what was measured, whether it is enough, and how it is told
"""
