"""The explorer: the engine and its rules, step by step, on tiny models of the API server and of the cloud.

Read in this order: ``loop`` (an event loop that nothing moves but the explorer), ``world`` (time, the models, the
processes), ``moves`` (everything that may happen next), ``laws`` (what must hold), ``explorer`` (every way through).
"""
