"""The public port: who is answered at all, what there is, and the pages a person reads.

Everything arrives as plain ASGI. What unauthenticated clients request most (health, well-known documents, challenges,
tokens) is answered without a framework; Quart is imported when the first person comes to log in.
"""
