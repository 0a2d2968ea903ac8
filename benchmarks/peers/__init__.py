"""The same job as ``obi load``'s, as one would do it with something else: each a script of its own.

Each takes a lead file and the address that customers are posted to (``python -m benchmarks.peers.NAME FILE
URL``), brings every number to E.164 with phonenumbers, sends a hundred customers a request, and ends with 1
where one of them was not created.
"""
