"""Faults by the thousand, and kills by the hundred, judged by what the servers themselves hold.

``make chaos``, or ``python -m benchmarks.chaos``; each schedule comes from its seed alone::

    python -m benchmarks.chaos --seed 4711    # repeat one, and say what it was

* ``leads``: lead files, and what is due to each of their rows
* ``judge``: answers held against the truth
* ``worlds``: the servers, whose truth can be asked for; ``hostile`` is what the simulator is not
* ``schedules``, ``kills``, ``others``, ``soak``: what is done to a load
"""
