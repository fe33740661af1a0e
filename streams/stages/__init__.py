"""The stages, each a pure coroutine from a batch to what it publishes (`streams.topology`)."""
